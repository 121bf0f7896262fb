// Command sbom writes the SBOM of a program of this repository, or of the image that
// contains only this program, in CycloneDX.
//
//	sbom -version v1.2.3 -o DOCUMENT [-image ARCHITECTURE] PROGRAM
//
// It runs cyclonedx-gomod, which must be in PATH, and adds what that program cannot know:
// the version of the repository's modules, which a build in the workspace does not have,
// and the licences of these modules and of the Go standard library. The licences of other
// modules are those that cyclonedx-gomod detects in the module cache.
package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const library = "github.com/calico-bootstrap/calico-bootstrap"

func main() {
	version := flag.String("version", "", "version of the program, such as v1.2.3")
	output := flag.String("o", "", "document to write")
	image := flag.String("image", "", "write the SBOM of the image of this architecture, such as amd64")
	flag.Parse()
	if err := run(*version, *output, *image, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(version, output, image string, programs []string) error {
	if version == "" || output == "" || len(programs) != 1 {
		return errors.New("-version, -o and one program are required")
	}
	document, err := read(version, programs[0])
	if err != nil {
		return err
	}
	if err := addLicences(document); err != nil {
		return err
	}
	if image != "" {
		asImage(document, image)
	}
	var text bytes.Buffer
	if err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).Encode(document); err != nil {
		return err
	}
	return os.WriteFile(output, text.Bytes(), 0o644)
}

// read returns the document of cyclonedx-gomod. It has no serial number and no time, which
// would differ at every build.
func read(version, program string) (*cdx.BOM, error) {
	if err := download(program); err != nil {
		return nil, err
	}
	cmd := exec.Command("cyclonedx-gomod", "bin", "-json", "-std", "-licenses", "-assert-licenses", "-noserial", "-notimestamp", "-version", version, program)
	// The module cache has the modules. The repository's own version is not published yet.
	cmd.Env = append(os.Environ(), "GOPROXY=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cyclonedx-gomod: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	out = bytes.ReplaceAll(out, []byte("(devel)"), []byte(version))
	document := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(bytes.NewReader(out), cdx.BOMFileFormatJSON).Decode(document); err != nil {
		return nil, fmt.Errorf("output of cyclonedx-gomod: %w", err)
	}
	if document.Metadata == nil || document.Metadata.Component == nil || document.Components == nil {
		return nil, errors.New("output of cyclonedx-gomod: metadata.component and components are required")
	}
	return document, nil
}

// download completes the module cache: a build does not need the go.mod files of all modules that it
// links, and cyclonedx-gomod finds no licence of a module without.
func download(program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sbom-") // outside of every module
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	arguments := []string{"mod", "download"}
	for _, module := range info.Deps {
		if module.Path != library {
			arguments = append(arguments, module.Path+"@"+module.Version)
		}
	}
	cmd := exec.Command("go", arguments...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOWORK=off", "GOFLAGS=-modcacherw")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod download: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// addLicences adds the licences that are not in the module cache. A component without a
// licence is an error.
func addLicences(document *cdx.BOM) error {
	licence := func(component *cdx.Component) error {
		switch {
		case component.Licenses != nil && len(*component.Licenses) > 0:
		case component.Name == library || strings.HasPrefix(component.Name, library+"/"):
			component.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
		case component.Name == "std":
			component.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "BSD-3-Clause"}}}
		default:
			return fmt.Errorf("module %s: no licence found in the module cache", component.Name)
		}
		return nil
	}
	all := []error{licence(document.Metadata.Component)}
	for i := range *document.Components {
		all = append(all, licence(&(*document.Components)[i]))
	}
	return errors.Join(all...)
}

// asImage makes the document that of an image that contains the program.
func asImage(document *cdx.BOM, architecture string) {
	program := *document.Metadata.Component
	name := "calico-bootstrap"
	purl := fmt.Sprintf("pkg:oci/%s?arch=%s&tag=%s", name, architecture, program.Version) // the digest exists after the build
	document.Metadata.Component = &cdx.Component{
		BOMRef: purl, Type: cdx.ComponentTypeContainer, Name: name, Version: program.Version, PackageURL: purl,
		Licenses: program.Licenses,
	}
	components := append([]cdx.Component{program}, *document.Components...)
	document.Components = &components
	dependencies := []cdx.Dependency{{Ref: purl, Dependencies: &[]string{program.BOMRef}}}
	if document.Dependencies != nil {
		dependencies = append(dependencies, *document.Dependencies...)
	}
	document.Dependencies = &dependencies
}
