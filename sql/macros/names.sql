-- Lower case as Unicode has it: lower() knows one letter for one letter, so it misses the dot of İ and the sigma that ends a word.
create or replace macro unicode_lower(text) as
    lower(regexp_replace(
        replace(text, 'İ', 'i̇'),
        '(\pL[\pM.:''’·]*)Σ([\pM.:''’·]*)([^\pL\pM.:''’·]|$)', '\1ς\2\3', 'g'
    ));

-- Whether a name of the data can name a field of a document: not where the document has a field of its own by that name.
create or replace macro is_free_name(name, own_fields) as
    not list_contains(['_id', 'date', 'type'] || own_fields::varchar[], name);

-- The fields of statistics_ccd_classified that no exchange can be called.
create or replace macro supply_fields() as ['total_supply', 'staked', 'unstaked', 'delegated'];
