// The certified provider of the contract tests: panva's oidc-provider with one of three rules for refresh tokens.
// Started with one JSON argument: { port, mode, clients, accessTokenLife, refreshTokenLife }. Prints "ready".
import Provider from 'oidc-provider';
import MemoryAdapter from './node_modules/oidc-provider/lib/adapters/memory_adapter.js';

const { port, mode, clients, accessTokenLife, refreshTokenLife } = JSON.parse(process.argv[2]);

class Adapter extends MemoryAdapter {
  async consume(id) {
    // Microsoft: a refresh token that was used is as good as before
    if (mode === 'microsoft' && this.model === 'RefreshToken') return undefined;
    return super.consume(id);
  }
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Adapter,
  clients,
  scopes: ['openid', 'offline_access', 'email', 'mail.imap', 'mail.smtp'],
  claims: { openid: ['sub'], email: ['email'] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    revocation: { enabled: true, allowedPolicy: () => true },
    introspection: { enabled: true, allowedPolicy: () => true },
    clientCredentials: { enabled: true },
  },
  rotateRefreshToken: mode !== 'google', // Google: the first one stays for good
  issueRefreshToken: async (ctx, client, code) => code.scopes.has('offline_access'),
  ttl: {
    AccessToken: () => accessTokenLife,
    RefreshToken: () => refreshTokenLife,
    AuthorizationCode: 60,
    ClientCredentials: () => accessTokenLife,
    DeviceCode: 60,
    Grant: 3600,
    IdToken: 600,
    Interaction: 600,
    Session: 3600,
  },
  findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, email: id }) }),
});

provider.listen(port, '127.0.0.1', () => console.log('ready'));
