//go:build tools

// Package tools makes go.mod keep the commands that build.sh builds by import path; nothing here is compiled.
package tools

import (
	_ "github.com/versity/versitygw/cmd/versitygw"
	_ "helm.sh/helm/v3/cmd/helm"
)
