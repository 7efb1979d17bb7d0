// Package metrics writes how a night went for Prometheus, as a file that node exporter's textfile collector reads. It is
// written beside its place and renamed, also when the run failed.
package metrics

import (
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/nights"
)

const lastSuccess = "nightrunner_last_success_timestamp_seconds"

// A gauge is one metric; labels are those beside the warehouse's.
type gauge struct {
	name, help string
	labels     []string
}

// writer collects the values of a night.
type writer struct {
	registry *prometheus.Registry
	vectors  map[string]*prometheus.GaugeVec
	constant prometheus.Labels
}

// Write writes the metrics of a night to path.
func Write(path string, o *nights.Outcome) error {
	w := &writer{registry: prometheus.NewRegistry(), vectors: map[string]*prometheus.GaugeVec{}, constant: prometheus.Labels{"warehouse": o.Warehouse}}
	w.run(o)
	if o.Facts != nil {
		w.facts(o.Facts)
	}
	if at := lastSuccessOf(path, o); at > 0 {
		w.set(gauge{lastSuccess, "When the last run with exit code 0 ended, in Unix time.", nil}, at)
	}
	if o.Sizes != nil {
		w.set(gauge{"nightrunner_warehouse_bytes", "Size of the warehouse with its write-ahead log.", nil}, float64(o.Sizes.Warehouse))
		w.set(gauge{"nightrunner_snapshots_bytes", "Size of all published snapshots.", nil}, float64(o.Sizes.Snapshots))
		w.set(gauge{"nightrunner_free_disk_bytes", "What the warehouse's file system has left.", nil}, float64(o.Sizes.FreeDisk))
	}
	if o.Report != nil {
		w.report(o.Report)
	}
	return prometheus.WriteToTextfile(path, w.registry)
}

func (w *writer) set(g gauge, value float64, labels ...string) {
	vector := w.vectors[g.name]
	if vector == nil {
		vector = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: g.name, Help: g.help, ConstLabels: w.constant}, g.labels)
		w.registry.MustRegister(vector)
		w.vectors[g.name] = vector
	}
	vector.WithLabelValues(labels...).Add(value)
}

// lastSuccessOf is what the warehouse knows or what the file said, whichever is later: a warehouse that could not be asked, or was
// made anew, or went back, knows less. 0 when there was none.
func lastSuccessOf(path string, o *nights.Outcome) float64 {
	at := earlier(path, o.Warehouse)
	if at > unix(o.Started)+o.Seconds {
		at = 0 // A clock was wrong.
	}
	if o.Facts != nil && !o.Facts.LastSuccess.IsZero() {
		at = max(at, unix(o.Facts.LastSuccess))
	}
	return at
}

func (w *writer) run(o *nights.Outcome) {
	ended := o.Started.Add(time.Duration(o.Seconds * float64(time.Second)))
	w.set(gauge{"nightrunner_last_run_timestamp_seconds", "When the last run ended, in Unix time.", nil}, unix(ended))
	w.set(gauge{"nightrunner_last_exit_code", "Exit code of the last run.", nil}, float64(o.ExitCode))
	w.set(gauge{"nightrunner_last_run_seconds", "How long the last run took, waiting included.", nil}, o.Seconds)
	w.set(gauge{"nightrunner_info", "The program that ran last.", []string{"version"}}, 1, o.Version)
}

func (w *writer) facts(f *engine.Facts) {
	w.set(gauge{"nightrunner_days_behind", "How many UTC days the sources are behind yesterday.", nil}, float64(f.DaysBehind))
	for table, days := range f.Behind {
		w.set(gauge{"nightrunner_table_days_behind", "How many UTC days a raw table is behind yesterday.", []string{"table"}}, float64(days), table)
	}
	w.set(gauge{"nightrunner_expected_run_seconds", "How long a run usually takes: the median of the last ones.", nil}, f.ExpectedSeconds)
}

func (w *writer) report(r *engine.Report) {
	w.set(gauge{"nightrunner_run", "Number of the last run.", nil}, float64(r.Run))
	for _, step := range r.Steps {
		w.set(gauge{"nightrunner_phase_seconds", "How long a phase took.", []string{"phase"}}, step.Seconds, step.Phase)
		w.set(gauge{"nightrunner_phase_steps", "How many steps of a phase ended how.", []string{"phase", "status"}}, 1, step.Phase, step.Status)
		if step.Status == engine.StatusFresh {
			continue
		}
		w.set(gauge{"nightrunner_step_seconds", "How long a step took that did something.", []string{"phase", "step"}}, step.Seconds, step.Phase, step.Name)
		w.set(gauge{"nightrunner_step_rows", "Rows read (load), written (build) or found (check), documents written (export).", []string{"phase", "step"}}, float64(step.Rows), step.Phase, step.Name)
	}
	for _, load := range r.Loads {
		w.set(gauge{"nightrunner_source_rows", "Rows read from a source.", []string{"source"}}, float64(load.Rows), load.Source)
		w.set(gauge{"nightrunner_source_rejects", "Rows of a source that could not be read as their table demands.", []string{"source"}}, float64(load.Rejects), load.Source)
		w.set(gauge{"nightrunner_source_failed", "Files or collections of a source that could not be read.", []string{"source"}}, float64(len(load.Unreadable)+len(load.TooManyRejects)), load.Source)
	}
	waiting := 0
	for _, one := range r.Waiting {
		waiting += one.Count
	}
	w.set(gauge{"nightrunner_waiting_days", "Days of models that wait for input.", nil}, float64(waiting))
	w.set(gauge{"nightrunner_failed_checks", "Checks that found rows.", []string{"severity"}}, 0, engine.SeverityError)
	for _, check := range r.Checks {
		w.set(gauge{"nightrunner_failed_checks", "", nil}, 1, check.Severity)
	}
	documents := gauge{"nightrunner_documents", "Documents of a destination by what became of them.", []string{"destination", "outcome"}}
	for _, one := range r.Exports {
		for outcome, n := range map[string]int64{"new": one.New, "changed": one.Changed, "same": one.Same, "stale": one.Stale, "deleted": one.Deleted} {
			w.set(documents, float64(n), one.Destination, outcome)
		}
	}
}

func unix(t time.Time) float64 {
	value, err := strconv.ParseFloat(strconv.FormatInt(t.UnixMilli(), 10), 64)
	if err != nil {
		return 0
	}
	return value / 1000
}

// earlier is the last success that the file told before, 0 for none.
func earlier(path, warehouse string) float64 {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(file)
	if err != nil || families[lastSuccess] == nil {
		return 0
	}
	for _, metric := range families[lastSuccess].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "warehouse" && label.GetValue() == warehouse {
				return metric.GetGauge().GetValue()
			}
		}
	}
	return 0
}
