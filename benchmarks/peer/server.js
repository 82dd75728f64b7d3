// The yardstick of benchmarks/oidc.py: the npm package oidc-provider on PostgreSQL, set to do the
// work that vop does: RS256, opaque tokens, PKCE, rotating refresh with an ID token, introspection,
// client_credentials. Its people stand in memory and any password is right: signing in is not
// measured here.
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';
import PostgresAdapter, { prepareTable } from './adapter.js';

const issuer = process.env.PEER_ISSUER;
const client = JSON.parse(process.env.PEER_CLIENT);
const machine = JSON.parse(process.env.PEER_MACHINE);
const company = { id: '1', org_number: '5560160680', name: 'Acme AB', country: 'SE' };

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };

const provider = new Provider(issuer, {
  adapter: PostgresAdapter,
  jwks: { keys: [key] },
  cookies: { keys: ['only-for-this-benchmark'] },
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: [client.redirect_uri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    {
      client_id: machine.id,
      client_secret: machine.secret,
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: machine.scope,
    },
  ],
  scopes: ['openid', 'offline_access', 'email', 'profile', machine.scope],
  claims: { openid: ['sub', 'company', 'roles', 'via'], email: ['email', 'email_verified'], profile: ['name', 'locale', 'zoneinfo'] },
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (_ctx, asking) => asking.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: 600, AuthorizationCode: 60, ClientCredentials: 600, IdToken: 600, RefreshToken: 2592000, Grant: 7776000, Session: 43200, Interaction: 3600 },
  async findAccount(_ctx, sub) {
    const claims = {
      sub, email: sub, email_verified: true, name: 'Pia Person', locale: 'sv', zoneinfo: 'Europe/Stockholm',
      company, roles: ['user'], via: 'membership',
    };
    return { accountId: sub, claims: async () => claims };
  },
  // Our own service: nobody is asked for consent, as in vop.
  async loadExistingGrant(ctx) {
    const { session, client: asking } = ctx.oidc;
    const grantId = session.grantIdFor(asking.clientId);
    if (grantId) return ctx.oidc.provider.Grant.find(grantId);
    const grant = new ctx.oidc.provider.Grant({ clientId: asking.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid offline_access email profile');
    await grant.save();
    return grant;
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
});

async function showSignIn(req, res) {
  await provider.interactionDetails(req, res);
  res.setHeader('Content-Type', 'text/html');
  res.end(`<form method="post" action="${req.url}"><input name="login"><input name="password" type="password"></form>`);
}

async function finishSignIn(req, res) {
  let body = '';
  for await (const part of req) body += part;
  const result = { login: { accountId: new URLSearchParams(body).get('login') } };
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
}

await prepareTable();
const answer = provider.callback();
http
  .createServer((req, res) => {
    if (!req.url.startsWith('/interaction/')) return answer(req, res);
    return req.method === 'POST' ? finishSignIn(req, res) : showSignIn(req, res);
  })
  .listen(new URL(issuer).port, '127.0.0.1', () => console.log('ready'));
