"""Owns the text of the generated functions: context first, then the file's text, unchanged.

Only this file writes the line that sets the tenant, so no statement can be installed without it.
"""

from typing import Final

from service.catalog.statement import CONTEXT, Statement

SCHEMA: Final = "q"


def context(params: int) -> str:
    """Write the first statement of a function with so many parameters of its own."""
    settings = ",\n    ".join(
        f"pg_catalog.set_config('{setting}', ${number}, true)"
        for number, (_, setting) in enumerate(CONTEXT, params + 1)
    )
    return f"\nSELECT\n    {settings};\n"


def body(statement: Statement) -> str:
    """Write what stands in `pg_proc.prosrc` for a statement."""
    return context(len(statement.params)) + statement.text


def argument_types(statement: Statement) -> tuple[str, ...]:
    """List the types of a function's arguments, as the header spells them."""
    return tuple(param.type for param in statement.params) + ("text",) * len(CONTEXT)


def signature(statement: Statement) -> str:
    """Write the function's name with the types of its arguments."""
    return f"{SCHEMA}.{statement.function}({', '.join(argument_types(statement))})"


def create(statement: Statement) -> str:
    """Write the CREATE FUNCTION of a statement."""
    names = [f"p{number}" for number in range(1, len(statement.params) + 1)]
    names += [name for name, _ in CONTEXT]
    arguments = ",\n    ".join(
        f"{name} {kind}" for name, kind in zip(names, argument_types(statement), strict=True)
    )
    columns = ", ".join(f"{column.name} {column.type}" for column in statement.returns)
    settings = "".join(f"SET {name} TO {_literal(value)}\n" for name, value in statement.settings)
    source = body(statement)
    tag = _tag(source)
    return (
        f"CREATE OR REPLACE FUNCTION {SCHEMA}.{statement.function}(\n    {arguments}\n)\n"
        f"RETURNS TABLE ({columns})\n"
        f"LANGUAGE sql VOLATILE SECURITY INVOKER\n{settings}"
        f"AS {tag}{source}{tag};"
    )


def install(statement: Statement, release: str) -> str:
    """Write everything that installs a function: text, comment and rights, run by plant_owner."""
    target = signature(statement)
    comment = f"{statement.purpose} (sql/{statement.path}, release {release})"
    script = (
        f"{create(statement)}\n"
        f"COMMENT ON FUNCTION {target} IS {_literal(comment)};\n"
        f"REVOKE ALL ON FUNCTION {target} FROM PUBLIC;\n"
    )
    if statement.role != "owner":
        script += f"GRANT EXECUTE ON FUNCTION {target} TO {statement.database_role};\n"
    return script


def _literal(value: str) -> str:
    """Quote a text as an SQL literal that reads the same under any setting."""
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def _tag(source: str) -> str:
    """Find a dollar quote that the source does not hold."""
    tag, number = "$q$", 0
    while tag in source:
        number += 1
        tag = f"$q{number}$"
    return tag
