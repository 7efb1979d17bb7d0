package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const deploy = "../../deploy"

// TestDeployedFlags: what the files in deploy/ say is what the program knows.
func TestDeployedFlags(t *testing.T) {
	known := flagNames(newApp(nil))
	flag := regexp.MustCompile(`(?:^|[\s"'-])--([a-z][a-z-]+)`)
	for _, name := range []string{"nightrunner.service", "crontab", "cronjob.yaml", "Dockerfile"} {
		found := 0
		for line := range strings.Lines(deployed(t, name)) {
			text := strings.TrimSpace(line)
			own := strings.HasPrefix(text, "ExecStart=") || strings.HasPrefix(text, "- --") || strings.HasPrefix(text, "CMD ") || strings.HasPrefix(text, "0 2 ")
			if !own {
				continue
			}
			for _, match := range flag.FindAllStringSubmatch(text, -1) {
				found++
				if match[1] != "config" && !known[match[1]] {
					t.Errorf("%s: --%s is no flag", name, match[1])
				}
			}
		}
		if found < 3 {
			t.Errorf("%s: %d flags found", name, found)
		}
	}
}

func TestDeployedConfiguration(t *testing.T) {
	known := flagNames(newApp(nil))
	for line := range strings.Lines(deployed(t, "nightrunner.toml")) {
		if key, _, is := strings.Cut(line, " = "); is && !strings.HasPrefix(key, "#") && !known[key] {
			t.Errorf("%s is no key", key)
		}
	}
	output, err := exec.Command(program(t), "--config", filepath.Join(deploy, "nightrunner.toml"), "doctor", "--settings").Output()
	if !strings.Contains(string(output), "keep-snapshots") || strings.Contains(string(output), "unknown key") {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestDeployedCrontab(t *testing.T) {
	for line := range strings.Lines(deployed(t, "crontab")) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") || regexp.MustCompile(`^[A-Z]+=`).MatchString(line) {
			continue
		}
		if !regexp.MustCompile(`^[0-9*/,-]+( [0-9*/,-]+){4} nightrunner \S`).MatchString(line) || strings.Contains(line, "%") {
			t.Errorf("no line of cron.d: %s", line)
		}
	}
}

// TestDeployedUnits asks systemd. The program must be where the unit says, so a copy of the unit names one that is there.
func TestDeployedUnits(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not there: apt-get install systemd")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "nightrunner.service.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nightrunner.service", "nightrunner.timer", "nightrunner.service.d/paths.conf"} {
		text := strings.ReplaceAll(deployed(t, name), "/usr/local/bin/nightrunner", "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output, err := exec.Command(verify, "verify", "--man=no", filepath.Join(dir, "nightrunner.service"), filepath.Join(dir, "nightrunner.timer")).CombinedOutput()
	if err != nil || strings.Contains(string(output), "nightrunner") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
	if output, err := exec.Command(verify, "calendar", "*-*-* 02:00:00 UTC").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestDeployedPaths: what the deployed configuration writes, the unit lets it write. The drop-in names flags that there are.
func TestDeployedPaths(t *testing.T) {
	var writable []string
	for line := range strings.Lines(deployed(t, "nightrunner.service")) {
		if paths, is := strings.CutPrefix(line, "ReadWritePaths="); is {
			writable = append(writable, strings.Fields(strings.ReplaceAll(paths, "-/", "/"))...)
		}
		if name, is := strings.CutPrefix(line, "StateDirectory="); is {
			writable = append(writable, "/var/lib/"+strings.TrimSpace(name))
		}
	}
	setting := regexp.MustCompile(`(?m)^(warehouse|export|metrics-file|snapshots|temp-directory|record) = \[?"([^"]+)"`)
	found := setting.FindAllStringSubmatch(deployed(t, "nightrunner.toml"), -1)
	if len(found) < 3 {
		t.Fatalf("found %q", found)
	}
	for _, one := range found {
		if !slices.ContainsFunc(writable, func(dir string) bool { return one[2] == dir || strings.HasPrefix(one[2], dir+"/") }) {
			t.Errorf("%s %s is in none of %q", one[1], one[2], writable)
		}
	}
	known := flagNames(newApp(nil))
	for _, match := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(deployed(t, "nightrunner.service.d/paths.conf"), -1) {
		if !known[match[1]] {
			t.Errorf("--%s is no flag", match[1])
		}
	}
}

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
