// A provider for the tests of oidc login: npm's oidc-provider with users who sign in without a page.
//
//   node scripts/oidc-provider.mjs FOLDER KEY.pem CERTIFICATE.pem
//
// FOLDER is the one that scripts/oidc-provider prints. It listens on a free port of 127.0.0.1, prints its issuer as
// the first line of stdout, and ends with its stdin. /approve?user_code=CODE lets a device in.
import https from 'node:https';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [folder, key, certificate] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`));

const redirect = ['http://localhost', 'http://127.0.0.1', 'http://localhost/cb'];
const grants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
const client = (id, more) => ({
  client_id: id,
  application_type: 'native',
  redirect_uris: redirect,
  grant_types: grants,
  response_types: ['code'],
  id_token_signed_response_alg: 'ES256',
  ...more,
});
const jwk = {
  kty: 'EC', use: 'sig', alg: 'ES256', ...(await import('node:crypto')).generateKeyPairSync('ec', {
    namedCurve: 'P-256',
  }).privateKey.export({ format: 'jwk' }),
};

const configuration = {
  clients: [
    client('public', { token_endpoint_auth_method: 'none' }),
    // Its ID tokens live for less than any margin: each call refreshes.
    client('short', { token_endpoint_auth_method: 'none' }),
    client('basic', { client_secret: 's3cr&t+/= ~', token_endpoint_auth_method: 'client_secret_basic' }),
    client('post', { client_secret: 's3cr&t+/= ~', token_endpoint_auth_method: 'client_secret_post' }),
    client('machine', {
      client_secret: 's3cr&t+/= ~',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }),
  ],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  jwks: { keys: [jwk] },
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async () => true,
  scopes: ['openid', 'offline_access', 'email', 'groups'],
  claims: { openid: ['sub'], email: ['email'], groups: ['groups'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, groups: ['admins'] }),
  }),
  features: {
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: { enabled: false },
  },
  ttl: {
    IdToken: (_, __, { clientId }) => (clientId === 'short' ? 5 : 3600),
    AccessToken: 3600,
    DeviceCode: 600,
    RefreshToken: 86400,
    ClientCredentials: 3600,
    Grant: 86400,
    Session: 86400,
    Interaction: 600,
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
};

const server = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  const grantFor = async (clientId) => {
    const grant = new provider.Grant({ accountId: 'ada', clientId });
    grant.addOIDCScope('openid offline_access email groups');
    return grant.save();
  };
  provider.use(async (ctx, next) => {
    if (ctx.path.startsWith('/interaction/')) {
      const { params } = await provider.interactionDetails(ctx.req, ctx.res);
      const grantId = await grantFor(params.client_id);
      const result = { login: { accountId: 'ada' }, consent: { grantId } };
      ctx.respond = false;
      await provider.interactionFinished(ctx.req, ctx.res, result);
    } else if (ctx.path === '/approve') {
      const code = await provider.DeviceCode.findByUserCode(
        String(ctx.query.user_code).replace(/[^a-z0-9]/gi, '').toUpperCase(),
      );
      Object.assign(code, {
        accountId: 'ada',
        authTime: Math.floor(Date.now() / 1000),
        grantId: await grantFor(code.clientId),
        scope: code.params.scope,
      });
      await code.save();
      ctx.body = 'approved\n';
    } else {
      await next();
    }
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
