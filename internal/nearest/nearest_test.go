package nearest

import "testing"

func TestTo(t *testing.T) {
	for word, want := range map[string]string{".tabels": ".tables", "csv": "csv", ".tablesx": ".tables", "cv": "csv", "something else": ""} {
		if got := To(word, []string{".tables", ".timer", "csv", "csw"}); got != want {
			t.Errorf("%q: got %s", word, got)
		}
	}
	if got := To("b", []string{"c", "a"}); got != "a" {
		t.Errorf("among equals: got %s", got)
	}
	if got := To("a", nil); got != "" {
		t.Errorf("without candidates: got %s", got)
	}
}
