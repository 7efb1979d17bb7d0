package engine

import (
	"fmt"
	"strings"
)

// Severities of a check. An error stops the export of the statistic, a warning is told.
const (
	SeverityError = "error"
	SeverityWarn  = "warn"
)

// A Check is one rule of a model's header.
type Check struct {
	Severity string
	// Kind is unique, not_null, expect or range; Text is the rule as written.
	Kind, Text string
	// Columns of unique, not_null and range; Condition must be true for every row (unique has none).
	Columns   []string
	Condition string
	// Line of the header.
	Line int
}

// Name is how reports call the check.
func (c Check) Name() string { return c.Kind + " " + c.Text }

func (m *Model) addCheck(value string) error {
	check := Check{Severity: SeverityError}
	if rest, warn := strings.CutPrefix(value, SeverityWarn+" "); warn {
		check.Severity, value = SeverityWarn, strings.TrimSpace(rest)
	}
	kind, text, _ := strings.Cut(value, " ")
	check.Kind, check.Text = kind, strings.TrimSpace(text)
	if check.Text == "" {
		return fmt.Errorf("%q does not say of what", value)
	}
	if err := check.parse(); err != nil {
		return err
	}
	m.Checks = append(m.Checks, check)
	return nil
}

func (c *Check) parse() error {
	switch c.Kind {
	case "unique":
		c.Columns = splitList(c.Text)
	case "not_null":
		c.Columns = splitList(c.Text)
		var conditions []string
		for _, column := range c.Columns {
			conditions = append(conditions, identifier(column)+" is not null")
		}
		c.Condition = strings.Join(conditions, " and ")
	case "expect":
		c.Condition = c.Text
	case "range":
		words := strings.Fields(c.Text)
		if len(words) != 3 {
			return fmt.Errorf("range %q does not read COLUMN MIN MAX", c.Text)
		}
		c.Columns = words[:1]
		c.Condition = fmt.Sprintf("%s between %s and %s", identifier(words[0]), words[1], words[2])
	default:
		return WithHint(fmt.Errorf("unknown kind of check %q", c.Kind), "unique, not_null, expect or range")
	}
	return nil
}

func splitList(text string) []string {
	var list []string
	for one := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(one))
	}
	return list
}

// identifier quotes a column name.
func identifier(name string) string {
	return `"` + strings.ReplaceAll(strings.Trim(name, `"`), `"`, `""`) + `"`
}
