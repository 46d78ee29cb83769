ALTER ROLE "it-vault" PASSWORD :'password';
