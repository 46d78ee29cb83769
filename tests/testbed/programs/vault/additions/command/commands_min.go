// SPDX-License-Identifier: GPL-3.0-or-later

//go:build minimal

package command

import (
	_ "github.com/hashicorp/vault/helper/builtinplugins"
	physFile "github.com/hashicorp/vault/sdk/physical/file"
)

// A test bed keeps its Vault in files, which a minimal Vault leaves out.
func extendAddonHandlers(handlers *vaultHandlers) {
	handlers.physicalBackends["file"] = physFile.NewFileBackend
}
