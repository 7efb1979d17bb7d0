package balances

import (
	"sync"
)

// dictionary gives every account address an id: its place in addresses. It only grows. Parsers look up while the fold
// adds, so ids come from the fold alone, in the order of files and rows.
type dictionary struct {
	mu        sync.RWMutex
	ids       map[string]int32
	addresses []string
	// order are the accounts of the snapshot folded last: most files list accounts in the order of the day before.
	order []int32
	// saved is how many addresses the warehouse has.
	saved int
}

func newDictionary() *dictionary { return &dictionary{ids: map[string]int32{}} }

// add returns the id of an address, a new one if it has none.
func (d *dictionary) add(address string) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, known := d.ids[address]
	if !known {
		id = int32(len(d.addresses))
		d.ids[address] = id
		d.addresses = append(d.addresses, address)
	}
	return id
}

func (d *dictionary) setOrder(order []int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.order = order
}

// lookup is one parser's view for one file.
func (d *dictionary) lookup() *lookup {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return &lookup{dictionary: d, addresses: d.addresses, order: d.order}
}

type lookup struct {
	dictionary *dictionary
	// addresses and order are never written to below their length, so they are read without the lock.
	addresses []string
	order     []int32
	next      int
}

// skip is how many accounts may be gone from the expected order before the map is asked.
const skip = 4

// find compares with the account expected next before it asks the map.
func (l *lookup) find(address []byte) (int32, bool) {
	for i := l.next; i < len(l.order) && i < l.next+skip; i++ {
		if id := l.order[i]; l.addresses[id] == string(address) {
			l.next = i + 1
			return id, true
		}
	}
	l.dictionary.mu.RLock()
	defer l.dictionary.mu.RUnlock()
	id, known := l.dictionary.ids[string(address)]
	return id, known
}

// lockedWords are the words of a load, shared by its parsers.
type lockedWords struct {
	mu sync.Mutex
	*words
}

// adopt replaces the numbers of a file's words by those of the load.
func (w *lockedWords) adopt(local *words, rows []row) {
	if len(local.text) == 1 {
		return
	}
	w.mu.Lock()
	ids := make([]uint32, len(local.text))
	for i, text := range local.text {
		ids[i] = w.id([]byte(text))
	}
	w.mu.Unlock()
	for i := range rows {
		rows[i].pool, rows[i].target = ids[rows[i].pool], ids[rows[i].target]
	}
}

func (w *lockedWords) of(id uint32) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text[id]
}
