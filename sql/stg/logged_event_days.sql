-- column: date a complete day whose documents are all loaded
--
-- Days up to which raw.tokens_logged_events_v2 is loaded, one row per day: what statistics on it wait for.

select days.date
from raw.blocks_per_day as days
inner join raw.loaded_heights as loaded
    on loaded.table_name = 'raw.tokens_logged_events_v2'
    and days.height_for_last_block <= loaded.height
