package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// sbom is a software bill of materials in SPDX 2.3
// (https://spdx.github.io/spdx-spec/v2.3/), as far as a Go binary can tell.
type sbom struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      sbomCreation   `json:"creationInfo"`
	Packages      []sbomPackage  `json:"packages"`
	Relationships []sbomRelation `json:"relationships"`
}

type sbomCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type sbomPackage struct {
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Version       string         `json:"versionInfo"`
	Download      string         `json:"downloadLocation"`
	FilesAnalyzed bool           `json:"filesAnalyzed"`
	Concluded     string         `json:"licenseConcluded"`
	Declared      string         `json:"licenseDeclared"`
	Copyright     string         `json:"copyrightText"`
	Source        string         `json:"sourceInfo,omitempty"`
	Refs          []sbomExternal `json:"externalRefs"`
}

type sbomExternal struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type sbomRelation struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// sbomOf lists the modules that info names, the standard library among them.
// The same build and time give the same document.
func sbomOf(info *debug.BuildInfo, version string, created time.Time) sbom {
	doc := sbom{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: "why401 " + version,
		Creation: sbomCreation{Created: created.UTC().Format(time.RFC3339), Creators: []string{"Tool: why401-" + version}},
	}
	add := func(path, version, sum, license string) sbomPackage {
		p := sbomPackage{
			ID: fmt.Sprintf("SPDXRef-Package-%d", len(doc.Packages)), Name: path, Version: version, Download: "NOASSERTION",
			Concluded: license, Declared: license, Copyright: "NOASSERTION",
			Refs: []sbomExternal{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + url.QueryEscape(version)}},
		}
		if sum != "" {
			p.Source = "Go module checksum " + sum
		}
		doc.Packages = append(doc.Packages, p)
		return p
	}
	us := add(info.Main.Path, version, "", "Apache-2.0")
	doc.Relationships = append(doc.Relationships, sbomRelation{doc.ID, "DESCRIBES", us.ID})
	dependencies := []*debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range append(dependencies, info.Deps...) {
		if m.Replace != nil {
			m = m.Replace
		}
		dep := add(m.Path, m.Version, m.Sum, "NOASSERTION")
		doc.Relationships = append(doc.Relationships, sbomRelation{us.ID, "DEPENDS_ON", dep.ID})
	}
	h := sha256.New()
	for _, p := range doc.Packages {
		fmt.Fprintln(h, p.Name, p.Version, p.Source)
	}
	doc.Namespace = fmt.Sprintf("https://github.com/why401/why401/sbom/%s-%x", version, h.Sum(nil)[:16])
	return doc
}

// writeSBOM prints the bill of materials of the running binary. It is dated
// SOURCE_DATE_EPOCH where that is set, so that a build can be repeated
// (https://reproducible-builds.org/specs/source-date-epoch/).
func (env *environment) writeSBOM(w io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return exitWith(exitInput, errors.New("print modules: the binary was built without them"))
	}
	created := time.Now()
	if text := env.getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return exitHint(exitUsage, fmt.Errorf("SOURCE_DATE_EPOCH: wanted seconds since 1970, found %q", text), "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)")
		}
		created = time.Unix(seconds, 0)
	}
	return writeJSON(w, sbomOf(info, versionOf(), created))
}
