-- column: date a complete day whose documents are all loaded
--
-- Days up to which raw.impacted_addresses is loaded, one row per day: what statistics on it wait for.

select days.date
from raw.blocks_per_day as days
inner join raw.loaded_heights as loaded
    on loaded.table_name = 'raw.impacted_addresses'
    and days.height_for_last_block <= loaded.height
