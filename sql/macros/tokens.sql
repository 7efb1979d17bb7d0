-- An amount of a protocol-level token as the nearest double: units is the whole number that the chain counts, decimals up
-- to 255 tell how many of its digits stand behind the point. The decimal text is rounded once, no power of ten is a double.
create or replace macro token_amount(units, decimals) as (units::varchar || 'e-' || decimals::varchar)::double;

-- USD per unit of a currency where no rate is known.
create or replace macro stand_in_fx_rate() as 1.0::double;
