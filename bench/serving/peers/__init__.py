"""The same registry of skills, as users of other frameworks would write it.

Each module runs in an environment that has neither Plant nor what it needs, and imports only its
neighbours here. All of them keep the discipline that row security asks for: one transaction, the
tenant in it by `set_config(…, true)` before anything else, as a role that row security binds. None
looks at a key: who asks stands in headers, which would be a proxy's to fill in.
"""
