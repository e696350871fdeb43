package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
)

// The number of advisories in the tracker's reply, and of packages in the system that is assessed.
const (
	advisoryCount        = 2600
	assessedPackageCount = 1200
)

// trackerAnswer returns a reply that is as long as a real reply of the security tracker. The share of its advisories
// that concern packages of a generated system is as large as on a real system.
func trackerAnswer() string {
	var b strings.Builder
	b.WriteString("[")
	for i := range advisoryCount {
		if i > 0 {
			b.WriteString(",")
		}
		name := fmt.Sprintf("package-%d", i)
		if i%100 == 0 {
			name = "glibc"
		}
		fmt.Fprintf(&b, `{"name":"AVG-%d","packages":[%q,"lib32-%s"],"status":"Fixed","severity":"Medium","type":"multiple issues",`+
			`"affected":"1.2.2-1","fixed":"1.2.%d-1","ticket":null,"issues":["CVE-2026-%d"],"advisories":[]}`, i, name, name, i%5, i)
	}
	b.WriteString("]")
	return b.String()
}

// startTracker starts a replacement for the security tracker, until stop is called.
func (b *bench) startTracker() (stop func()) {
	answer := trackerAnswer()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
	b.trackerURL = s.URL
	return s.Close
}

// assessedSystem is the system that the benchmark of the advisories assesses: the version of each installed package, by name.
type assessedSystem map[string]string

func (j assessedSystem) Installed(name string) (string, bool) { v, ok := j[name]; return v, ok }
func (j assessedSystem) OfferedVersions(string) []string      { return []string{"1.2.4-1"} }

// measureAdvisories measures the assessment of a whole system, in this process.
func (b *bench) measureAdvisories() error {
	records, _, err := advisories.Read(strings.NewReader(trackerAnswer()))
	if err != nil {
		return err
	}
	system := assessedSystem{"glibc": "1.2.1-1"}
	for i := range assessedPackageCount {
		system[fmt.Sprintf("package-%d", i)] = "1.2.3-1"
	}
	var times runTimes
	for range 50 {
		start := time.Now()
		if len(advisories.Assess(records, system)) == 0 {
			return fmt.Errorf("none of %d advisories concerns an installed package", len(records))
		}
		times = append(times, milliseconds(time.Since(start)))
	}
	b.add(tableRow{
		Name: "verdicts of all advisories", Workload: fmt.Sprintf("%d advisories, %d packages", advisoryCount, assessedPackageCount), Unit: "ms",
		MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75), ours: times,
		Aim: "under 5 ms", AimMet: times.median() < 5,
	})
	return nil
}
