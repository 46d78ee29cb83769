// SPDX-License-Identifier: GPL-3.0-or-later

//go:build minimal

package builtinplugins

import (
	credKube "github.com/hashicorp/vault-plugin-auth-kubernetes"
	credAws "github.com/hashicorp/vault/builtin/credential/aws"
	credLdap "github.com/hashicorp/vault/builtin/credential/ldap"
	logicalAws "github.com/hashicorp/vault/builtin/logical/aws"
	logicalTotp "github.com/hashicorp/vault/builtin/logical/totp"
	"github.com/hashicorp/vault/helper/pluginconsts"
	dbPostgres "github.com/hashicorp/vault/plugins/database/postgresql"
)

// What the suites need of what a minimal Vault leaves out.
func extendAddonPlugins(reg *registry) {
	reg.credentialBackends[pluginconsts.AuthTypeAWS] = credentialBackend{Factory: credAws.Factory}
	reg.credentialBackends[pluginconsts.AuthTypeKubernetes] = credentialBackend{Factory: credKube.Factory}
	reg.credentialBackends[pluginconsts.AuthTypeLDAP] = credentialBackend{Factory: credLdap.Factory}
	reg.databasePlugins["postgresql-database-plugin"] = databasePlugin{Factory: dbPostgres.New}
	reg.logicalBackends[pluginconsts.SecretEngineAWS] = logicalBackend{Factory: logicalAws.Factory}
	reg.logicalBackends[pluginconsts.SecretEngineTOTP] = logicalBackend{Factory: logicalTotp.Factory}
}
