// Package mongotest runs a MongoDB server on loopback for tests: FerretDB 1.24 on SQLite, which speaks MongoDB's wire
// protocol. `make testserver` builds it from internal/mongotest/server (a module of its own) into bin/; tests skip when it
// is not there.
//
// What a test must know, because FerretDB is not MongoDB. limits_test.go holds most of these, the rest was tried once.
//
// Refused, mostly by closing the connection ("connection closed unexpectedly"), so that the driver says nothing better:
//   - Decimal128, NaN, infinity, MinKey, MaxKey, symbol, JavaScript, undefined, DBPointer; an array directly in an array;
//     field names that start with $; a field twice in a document. Dots in names are fine.
//   - $natural as a sort: reading unsorted is in natural order, a changed document in its old place.
//   - Transactions (from the first write on), change streams, views, collations, noCursorTimeout, $expr with
//     operators, {"a": {"b": 1}} as a projection, pipelines as updates, findAndModify with a projection,
//     Client.BulkWrite (Collection.BulkWrite works).
//   - $sample, $sortByCount, $lookup, $facet, $out, $merge, …: aggregation has $match, $sort, $skip, $limit, $project,
//     $addFields, $set, $unset, $unwind, $count, $collStats, and $group with $sum and $count only.
//   - Indexes that are TTL, partial, text, hashed or wildcard.
//   - Deleting more than 32,766 documents in one command.
//
// Accepted, and ignored or wrong without a word:
//   - hint (also of an index that is not there), min, max: all documents come.
//   - Sessions, snapshot sessions and read concerns: an open cursor sees the collection as it was when it was opened,
//     two reads of a snapshot session do not see the same. The server is a standalone one, so drivers do not retry writes.
//   - sparse, of an index. Only unique ones change anything: no index but _id's is used.
//   - $elemMatch with conditions on fields matches nothing; a path through the array ("list.x") does.
//   - "$path" in a projection is that text, not what is there.
//   - -0 becomes 0, and _id of an embedded document comes first.
//   - _ids of different types that JSON writes alike are one: the date 1 and the number 1, an ObjectID and its text.
//   - Documents above 16 MiB.
//   - An unordered bulk write in which an update or replacement is refused goes on, but its answer counts none of the good ones.
//
// Works as in MongoDB: ranges of mixed number types and dates on nested fields, $in, $or, $regex, sorting by nested fields
// and by _ids of different types, nested projections, batch sizes, count and estimated count, listCollections with a
// filter, distinct, findAndModify, bulk upserts of any number. A collection that is dropped under a cursor ends it with
// CursorNotFound. 100 cursors may be open; the next one waits for ever.
//
// FerretDB's version is mended in a few places (internal/mongotest/server/build/mends.go), above all for bulk updates.
//
// It is slow, right for correctness and useless for speed: 36,367 transactions of 22 MB take about 6 seconds of CPU to
// restore and 9 to read. Only a filter on nothing but a text or ObjectID _id is fast, whatever else reads all documents.
package mongotest
