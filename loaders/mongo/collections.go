package mongo

// A collection is where a MongoDB collection lands. To see one more field in the warehouse, add a line here and a column
// to the table in a migration.
type collection struct {
	// name of the collection, and whether it stands in the utilities' database.
	name      string
	utilities bool
	// table it becomes, and the column that identifies a row to models that match on it.
	table, key string
	fields     []mapping
}

// A mapping brings a field (a dotted path) into a column. The special path "#" is the document's place in the collection.
type mapping struct {
	path, column string
	kind         kind
	// required fields are neither null nor missing: without them the document is a reject.
	required bool
}

// collections are what is loaded, in this order.
func collections() []collection {
	return []collection{
		{name: "blocks_per_day", table: "raw.blocks_per_day", key: "date", fields: []mapping{
			{"date", "date", dayKind, true},
			{"height_for_first_block", "height_for_first_block", integerKind, true},
			{"height_for_last_block", "height_for_last_block", integerKind, true},
			{"slot_time_for_first_block", "slot_time_for_first_block", timeKind, false},
			{"slot_time_for_last_block", "slot_time_for_last_block", timeKind, false},
			{"hash_for_first_block", "hash_for_first_block", textKind, false},
			{"hash_for_last_block", "hash_for_last_block", textKind, false},
		}},
		{name: "stable_address_info", table: "raw.stable_address_info", key: "account_address_canonical", fields: []mapping{
			{"_id", "account_address_canonical", textKind, true},
			{"account_address", "account_address", textKind, false},
			{"account_index", "account_index", integerKind, false},
		}},
		{name: "labeled_accounts", utilities: true, table: "raw.labeled_accounts", key: "account_address", fields: []mapping{
			{"_id", "account_address", textKind, true},
			{"account_index", "account_index", integerKind, false},
			{"label_group", "label_group", textKind, false},
			{"label", "label", textKind, false},
			{"#", "position", integerKind, true},
		}},
		{name: "exchange_rates_historical", utilities: true, table: "raw.exchange_rates_historical", key: "id", fields: []mapping{
			{"_id", "id", textKind, true},
			{"token", "token", textKind, true},
			{"date", "date", dayKind, true},
			{"rate", "rate", doubleKind, true},
			{"source", "source", textKind, false},
			{"timestamp", "timestamp_ms", integerKind, false},
		}},
	}
}
