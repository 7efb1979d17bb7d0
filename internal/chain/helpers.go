package chain

import "strconv"

// paydayBlock is the place of the payday's block in its day: about 09:00.
const paydayBlock = blocksPerDay * 9 / 24

// writeHelpers writes what the explorer's services remember between their runs.
func writeHelpers(out *file, e *encoder, last day) {
	one := func(id string, fields func()) {
		e.startWithID(id)
		fields()
		out.write(e.finish())
	}
	height := func(key string, height int) func() { return func() { e.integer(key, int64(height)) } }
	payday := last.first + paydayBlock
	one("last_known_nightly_accounts", func() { e.text("date", last.date) })
	one("last_known_payday", func() {
		e.text("date", last.date)
		e.text("hash", hash(payday))
		e.integer("height", int64(payday))
	})
	one("heartbeat_last_processed_block", height("height", last.last))
	one("event_creation_last_processed_block", height("height", last.last))
	one("heartbeat_plts_last_processed_block", height("height", last.last-39))
	one("statistics_rerun", func() {
		for _, name := range []string{"statistics_daily_holders", "statistics_transaction_types", "statistics_plt", "statistics_transaction_types_by_project"} {
			e.truth(name, name != "statistics_daily_holders")
		}
	})
	one("projects_try_to_find_recognized_sender_ids", func() { e.truth("value", true) })
	one("latest_projects_json_commit", func() { e.text("value", name("projects.json")[:40]) })
	one("heartbeat_last_timestamp_forex", func() { e.date("timestamp", last.start.UnixMilli()+5_000_123) })
	failed := last.first + 7
	one("special_purpose_block_request", func() {
		e.array("heights")
		e.integer(e.next(), int64(failed))
		e.end()
	})
	one("block_failure_"+strconv.Itoa(failed), func() {
		e.integer("height", int64(failed))
		e.text("Exception", "RpcError: <_InactiveRpcError of RPC that terminated – timeout>")
	})
}

// writeRecognized writes that a day's senders were recognized: nine days in ten.
func writeRecognized(out *file, e *encoder, d day) {
	const kind = "statistics_transaction_types_by_project_dates"
	if d.number%10 == 9 || d.number == missingDay {
		return
	}
	e.startWithID(kind + "-" + d.date)
	e.text("date", d.date)
	e.text("type", kind)
	e.truth("complete", true)
	out.write(e.finish())
}
