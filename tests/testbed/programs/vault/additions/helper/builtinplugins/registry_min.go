// SPDX-License-Identifier: GPL-3.0-or-later

//go:build minimal

package builtinplugins

import (
	credKube "github.com/hashicorp/vault-plugin-auth-kubernetes"
	credGitHub "github.com/hashicorp/vault/builtin/credential/github"
	credLdap "github.com/hashicorp/vault/builtin/credential/ldap"
	logicalRabbit "github.com/hashicorp/vault/builtin/logical/rabbitmq"
	logicalTotp "github.com/hashicorp/vault/builtin/logical/totp"
	"github.com/hashicorp/vault/helper/pluginconsts"
	dbPostgres "github.com/hashicorp/vault/plugins/database/postgresql"
)

// Of what a minimal Vault leaves out: what the suites need, and what costs a few packages more.
func extendAddonPlugins(reg *registry) {
	reg.credentialBackends[pluginconsts.AuthTypeGitHub] = credentialBackend{Factory: credGitHub.Factory}
	reg.credentialBackends[pluginconsts.AuthTypeKubernetes] = credentialBackend{Factory: credKube.Factory}
	reg.credentialBackends[pluginconsts.AuthTypeLDAP] = credentialBackend{Factory: credLdap.Factory}
	reg.databasePlugins["postgresql-database-plugin"] = databasePlugin{Factory: dbPostgres.New}
	reg.logicalBackends[pluginconsts.SecretEngineRabbitMQ] = logicalBackend{Factory: logicalRabbit.Factory}
	reg.logicalBackends[pluginconsts.SecretEngineTOTP] = logicalBackend{Factory: logicalTotp.Factory}
}
