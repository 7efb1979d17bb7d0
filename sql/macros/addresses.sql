-- The canonical form of an account address: aliases of an account share it.
create or replace macro canonical(address) as left(address, 29);

-- Kinds of impacted addresses, by their length in code points.
create or replace macro address_kind(address) as
    case
        when length(address) < 29 then 'contract'
        when length(address) < 64 then 'address'
        when length(address) = 64 then 'public_key'
        else 'other'
    end;

-- Sets of addresses are bit strings, in chunks of 65536 ids: the bit address_bit(id) of the chunk address_chunk(id).
create or replace macro address_chunk(address_id) as address_id >> 16;
create or replace macro address_bit(address_id) as address_id & 65535;
create or replace macro address_set(address_id) as bitstring_agg(address_bit(address_id), 0, 65535);

-- A number for an account, the same for all its aliases and wherever it is computed: 64 bits of a hash of its canonical
-- address. That two of a million accounts share one has a probability of 3e-8.
create or replace macro account_number(address) as md5_number_lower(canonical(address));

-- Counts of addresses per kind as documents have them: kinds that do not occur are absent; where none occurs, three are 0.
create or replace macro address_counts(contract_count, address_count, public_key_count, other_count) as
    case
        when contract_count + address_count + public_key_count + other_count = 0 then map(['address', 'contract', 'public_key'], [0::bigint, 0::bigint, 0::bigint])
        else map_from_entries(list_filter(
            [('address', address_count), ('contract', contract_count), ('public_key', public_key_count), ('other', other_count)],
            lambda entry: entry[2] > 0
        ))
    end;
