-- Tables of the owner, as Vault's credentials make them.
SET ROLE "pr-4103-user";
CREATE TABLE orders (id integer PRIMARY KEY, placed timestamptz NOT NULL, what jsonb);
INSERT INTO orders SELECT n, timestamptz '2026-01-01 00:00Z' + n * interval '1 hour', jsonb_build_object('item', n)
  FROM generate_series(1, 1000) AS n;
