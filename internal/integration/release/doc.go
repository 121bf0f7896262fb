// Package release has the tests of releases: modules, packages, archives, SBOM and
// licences. They have the build tag release; `make test-release` installs their
// requirements and runs them. Those with the tag rehearsal need goreleaser and run in
// `make release-rehearsal`.
//
// They work on clones of HEAD: changes that are not committed are not tested.
package release
