-- column: account_id integer id, never reused
-- column: account_address full address, 50 characters
-- column: account_address_canonical first 29 characters: the same for all aliases
--
-- Every account that a snapshot has named, one row per address.

select
    account_id,
    address as account_address,
    canonical(address) as account_address_canonical,
from raw.accounts
