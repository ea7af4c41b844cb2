#!/usr/bin/env bash
# Collects what is published of a release that goreleaser and krew/generate left in dist/release:
#   dist/release-files/assets    the files of the GitHub release; checksums.txt has them all, krew's manifests too, so
#                                that one signature covers them
#   dist/release-files/recipes   what Homebrew and Scoop install it by
#   dist/release-files/notes.md  what changed; only for a release of a tag
set -euo pipefail
cd "$(dirname "$0")/../../dist"
rm -rf release-files
mkdir -p release-files/assets release-files/recipes
while read -r _ name; do
  cp "release/$name" release-files/assets/
done <release/checksums.txt
cp release/krew/*.yaml release-files/assets/
(cd release-files/assets && sha256sum -- *) >release-files/checksums
mv release-files/checksums release-files/assets/checksums.txt
cp release/homebrew/Casks/kubectl-apolo.rb release/scoop/kubectl-apolo.json release-files/recipes/
[ ! -e release/CHANGELOG.md ] || cp release/CHANGELOG.md release-files/notes.md
