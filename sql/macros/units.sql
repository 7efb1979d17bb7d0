-- CCD as the nearest double of exact microCCD (1 CCD = 1,000,000 microCCD). Up to 2^53 one division is rounded once;
-- beyond, the conversion of the decimal text is.
create or replace macro ccd(microccd) as
    case
        when microccd between -9007199254740992 and 9007199254740992 then microccd::double / 1000000
        else (
            case when microccd < 0 then '-' else '' end
            || (abs(microccd::hugeint) // 1000000)::varchar || '.' || lpad((abs(microccd::hugeint) % 1000000)::varchar, 6, '0')
        )::double
    end;

-- A whole number of the chain, up to 2^64, from its text; null where the text is none.
create or replace macro chain_number(text) as case when regexp_full_match(text, '[0-9]{1,20}') then text::hugeint end;
