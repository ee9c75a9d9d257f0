"""What the service says about itself: operations beside their routes, one OpenAPI document of all.

`python -m service.openapi PATH` writes the document; `docs/openapi.json` is it, committed.
"""
