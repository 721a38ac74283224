"""Which relations of a database lead to another server: conditions for the catalog, each a list of oids."""
# ruff: noqa: S608 - statements are made of the constants of this file

from __future__ import annotations

# What reads or writes another server. What is stored in a materialized view is stored here, wherever it came from.
LEADS_OUT = """(
    WITH RECURSIVE leads_out AS (
        SELECT oid FROM pg_class WHERE relkind = 'f'
        UNION
        SELECT found.oid FROM leads_out l, LATERAL (
            SELECT i.inhparent AS oid FROM pg_inherits i WHERE i.inhrelid = l.oid
            UNION ALL
            SELECT v.oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
                JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
                WHERE d.classid = CAST('pg_rewrite' AS regclass) AND d.refobjid = l.oid
                AND d.refclassid = CAST('pg_class' AS regclass)) found)
    SELECT oid FROM leads_out)"""

# What a rule sends on to another server when it is written to, with the rights of the owner of the rule; and what a
# view or another rule leads there. It is read from this server.
WRITES_LEAD_OUT = f"""(
    WITH RECURSIVE rules AS (
        SELECT c.oid, d.refobjid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
            JOIN pg_class c ON c.oid = r.ev_class AND c.relkind IN ('r', 'p', 'v')
            WHERE d.classid = CAST('pg_rewrite' AS regclass) AND d.refclassid = CAST('pg_class' AS regclass)),
    sends_on AS (
        SELECT oid FROM rules WHERE refobjid IN {LEADS_OUT}
        UNION
        SELECT rules.oid FROM sends_on s JOIN rules ON rules.refobjid = s.oid)
    SELECT oid FROM sends_on)"""
