package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rogpeppe/go-internal/diff"
)

// What has become of a file since it was shipped. States that change nothing and need nothing have no Change.
const (
	Updated   = "updated"   // shipped otherwise now, not changed here
	Added     = "added"     // shipped now, not here
	Both      = "both"      // shipped otherwise now, and changed here
	Gone      = "gone"      // shipped no more, not changed here
	Kept      = "kept"      // shipped no more, changed here: it is the team's now
	Deleted   = "deleted"   // shipped otherwise now, removed here: it stays removed
	Unsettled = "unsettled" // marks of a conflict stand in it
)

// A Change is a file with something to tell.
type Change struct {
	Path  string `json:"path"`
	State string `json:"state"`
	// Conflicts counts the places that a merge cannot settle.
	Conflicts int `json:"conflicts,omitempty"`
	// Shipped and Yours are unified differences to the file as it was shipped: of what is shipped now, and of the file here.
	Shipped string `json:"shipped_diff,omitempty"`
	Yours   string `json:"your_diff,omitempty"`
	// Done: the file here has been brought to what is shipped now.
	Done bool `json:"done,omitempty"`

	merged, ours []byte
}

// Changes compares what was shipped, what is shipped now, and what is here.
func (f *Folder) Changes() ([]Change, error) {
	var list []Change
	for _, name := range f.names() {
		base, err := f.base(name)
		if err != nil {
			return nil, err
		}
		ours, err := os.ReadFile(f.path(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil {
			ours = nil
		} else if ours == nil {
			ours = []byte{}
		}
		if change := f.compare(name, base, ours); change != nil {
			list = append(list, *change)
		}
	}
	return list, nil
}

// compare says what became of one file; nil is not there.
func (f *Folder) compare(name string, base, ours []byte) *Change {
	theirs, shipped := f.shipped[name]
	c := &Change{Path: name, ours: ours}
	same := base != nil && shipped && bytes.Equal(base, theirs)
	switch {
	case ours != nil && hasMarks(ours):
		c.State = Unsettled
		return c
	case same || ours != nil && shipped && bytes.Equal(ours, theirs):
		return nil
	case base == nil && ours == nil:
		c.State = Added
		return c
	case !shipped && ours == nil:
		return nil
	case !shipped && bytes.Equal(base, ours):
		c.State = Gone
		return c
	case !shipped:
		c.State = Kept
	case ours == nil:
		c.State = Deleted
	case bytes.Equal(base, ours) && base != nil:
		c.State = Updated
	default:
		c.State = Both
		c.merged, c.Conflicts = merge(base, ours, theirs)
	}
	if shipped {
		c.Shipped = string(diff.Diff(name+", as it was shipped", base, name+", shipped now", theirs))
	}
	if ours != nil {
		c.Yours = string(diff.Diff(name+", as it was shipped", base, name+", yours", ours))
	}
	return c
}

// Apply takes over what is shipped now: files that are not changed here; with merging, also the others, conflicts between
// marks. What it replaces of the team's is kept in .nightrunner/before. Changes are marked as done.
func (f *Folder) Apply(changes []Change, merging bool) error {
	told := map[string]bool{}
	for i := range changes {
		told[changes[i].Path] = true
		if err := f.apply(&changes[i], merging); err != nil {
			return fmt.Errorf("%s: %w", changes[i].Path, err)
		}
	}
	// What is the same here and there needs no more than to be known as shipped.
	for _, name := range f.names() {
		if !told[name] {
			if err := f.keepBase(name); err != nil {
				return err
			}
		}
	}
	return f.saveManifest()
}

func (f *Folder) apply(c *Change, merging bool) error {
	if c.State == Unsettled || c.State == Both && !merging {
		return nil
	}
	if err := f.unchanged(c); err != nil {
		return err
	}
	var err error
	switch c.State {
	case Updated, Added:
		err = f.write(c.Path, f.shipped[c.Path])
	case Gone:
		err = removed(os.Remove(f.path(c.Path)))
	case Both:
		if err = f.write(beforeFolder+"/"+c.Path, c.ours); err == nil {
			err = f.write(c.Path, c.merged)
		}
	}
	// Of Kept and Deleted the team has decided. Only a file that is in place is known as shipped.
	if err == nil {
		err = f.keepBase(c.Path)
	}
	c.Done = err == nil
	return err
}

// unchanged: the file is still what was compared.
func (f *Folder) unchanged(c *Change) error {
	now, err := os.ReadFile(f.path(c.Path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) != (c.ours == nil) || !bytes.Equal(now, c.ours) {
		return errors.New("it was changed meanwhile; run it again")
	}
	return nil
}
