package main

// A mend replaces the one place of a file that has old.
type mend struct{ file, old, new string }

func mends() []mend {
	return []mend{
		// The index on _id is over ->"_id", what was searched for was ->'$._id': SQLite read the whole collection for
		// every document that was found or changed by its _id.
		{"internal/backends/sqlite/metadata/metadata.go", `"->'$._id'"`, "`->\"_id\"`"},
		// Each update of a command kept its connection to SQLite until the command's end. There are 100: a bulk write
		// of more waited for ever, and everybody else with it.
		{
			"internal/handler/msg_update.go",
			"result, err := common.UpdateDocument(ctx, c, \"update\", iter, &u)\n",
			"result, err := common.UpdateDocument(ctx, c, \"update\", iter, &u)\n\t\tcloser.Close()\n" + unordered,
		},
		{"internal/handler/msg_update.go", "var matched, modified int32\n", "var matched, modified int32\n\tvar failures handlererrors.WriteErrors\n"},
		{
			"internal/handler/msg_update.go",
			"\treturn matched, modified, &upserted, nil\n",
			"\tif failures.Len() > 0 {\n\t\treturn 0, 0, nil, &failures\n\t}\n\treturn matched, modified, &upserted, nil\n",
		},
		// The index of an upserted document is that of its update in the command, not that among the upserted ones.
		{"internal/handler/msg_update.go", "for _, u := range params.Updates {", "for at, u := range params.Updates {"},
		{"internal/handler/msg_update.go", `"index", int32(upserted.Len()),`, `"index", int32(at),`},
		// MongoDB stores field names with dots (since 3.6), and statistics have such: {"Gate.io 1": …}.
		{"internal/types/document_validation.go", `strings.Contains(key, ".")`, `false`},
	}
}

// unordered: an update that fails is told with its index in the command, and those after it are done.
const unordered = `
		if err != nil && !params.Ordered {
			if failed, is := handleUpdateError(params.DB, params.Collection, "update", err).(*handlererrors.WriteErrors); is {
				failures.Merge(failed, int32(at))
				continue
			}
		}
`
