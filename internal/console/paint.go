package console

// paint colours what people read. The zero value leaves all as it is. The colours are the terminal's own, and such that
// both dark and light themes keep them readable: no blue, no yellow, no white; dim and bold where no colour is needed.
type paint bool

const (
	codeBold    = "\x1b[1m"
	codeDim     = "\x1b[2m"
	codeRed     = "\x1b[31m"
	codeGreen   = "\x1b[32m"
	codeMagenta = "\x1b[35m"
	codeCyan    = "\x1b[36m"
	codeReset   = "\x1b[0m"
)

func (p paint) on() bool { return bool(p) }

func (p paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return code + s + codeReset
}

func (p paint) dim(s string) string   { return p.with(codeDim, s) }
func (p paint) bold(s string) string  { return p.with(codeBold, s) }
func (p paint) wrong(s string) string { return p.with(codeBold+codeRed, s) }
