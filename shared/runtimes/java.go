package runtimes

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
)

// miseJavaVendorName returns the name that mise and asdf use for a vendor of Java. The parameter name is SDKMAN's name of the
// vendor, such as tem in 21.0.1-tem.
func miseJavaVendorName(name string) string {
	switch name {
	case "amzn":
		return "corretto"
	case "albba":
		return "dragonwell"
	case "graalce":
		return "graalvm-community"
	case "librca":
		return "liberica"
	case "open":
		return "openjdk"
	case "ms":
		return "microsoft"
	case "sapmchn":
		return "sapmachine"
	case "sem":
		return "semeru-openj9"
	case "tem":
		return "temurin"
	}
	return name
}

// asdfJavaName converts SDKMAN's name of a Java version, such as 21.0.2-tem, to the name in mise and asdf,
// temurin-21.0.2; it returns "" for a name without a vendor. mise and asdf number the versions of zulu differently, so
// only the major version is kept.
func asdfJavaName(want string) string {
	i := strings.LastIndexByte(want, '-')
	if i <= 0 || !isDigit(want[0]) || i == len(want)-1 || !isLetter(want[i+1]) {
		return ""
	}
	v, vendor := want[:i], miseJavaVendorName(want[i+1:])
	if strings.HasSuffix(v, ".fx") {
		return ""
	}
	if j := strings.IndexAny(v, "+-"); j >= 0 {
		v = v[:j]
	}
	if vendor == "zulu" {
		v, _, _ = strings.Cut(v, ".")
	}
	return vendor + "-" + v
}

func (p *Prober) jvmDir() string { return p.env.Root + "/usr/lib/jvm" }

// defaultJVM returns the Java that archlinux-java selected.
func (p *Prober) defaultJVM() (Installation, bool) {
	i, ok := p.javaAt(filepath.Join(p.jvmDir(), "default"))
	i.Manager = "system"
	return i, ok
}

// jvms returns the system's Java packages, the default one first.
func (p *Prober) jvms() []Installation {
	var all []Installation
	chosen := filepath.Base(readLink(filepath.Join(p.jvmDir(), "default")))
	for _, name := range p.versionDirs(p.jvmDir()) {
		if i, ok := p.javaAt(filepath.Join(p.jvmDir(), name)); ok {
			i.Manager, i.Alias = "system", name
			if name == chosen {
				all = slices.Insert(all, 0, i)
			} else {
				all = append(all, i)
			}
		}
	}
	return all
}

// javaAt returns the Java that is installed in the directory dir. The version comes from the file named release, which
// every JDK since 8 has.
func (p *Prober) javaAt(dir string) (Installation, bool) {
	text, ok := p.read(filepath.Join(dir, "release"))
	if !ok {
		return Installation{}, false
	}
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(bytes.TrimSpace(line), []byte("JAVA_VERSION=")); found {
			v := string(bytes.Trim(value, `"`))
			return Installation{Runtime: Java, Version: v, Path: dir}, Showable(v)
		}
	}
	return Installation{}, false
}
