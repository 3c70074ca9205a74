-- The two roles of one installation. Run once per server, as its superuser, in template1, so that every database
-- made afterwards (a test's too) starts with the same default privileges; docker-compose.yml mounts this file.
-- The owner migrates; the app reads and writes rows and can change no table. Migrations take more away, never give.
CREATE ROLE mailplatform_owner LOGIN CREATEDB NOSUPERUSER NOCREATEROLE;
CREATE ROLE mailplatform_app LOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE mailplatform_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO mailplatform_app;
ALTER DEFAULT PRIVILEGES FOR ROLE mailplatform_owner GRANT USAGE, SELECT ON SEQUENCES TO mailplatform_app;
