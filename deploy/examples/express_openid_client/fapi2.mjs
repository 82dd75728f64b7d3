// The short way to FAPI 2.0, on the command line: the request is pushed, the client signs who it is,
// and its tokens are worth nothing without its key. Prints the address to open in a browser, reads
// the address that the browser was led back to, and prints who it is.
import { importJWK } from "jose";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as client from "openid-client";

const { ISSUER, CLIENT_ID, PRIVATE_JWK, CALLBACK } = process.env;

const jwk = JSON.parse(PRIVATE_JWK);
const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  { id_token_signed_response_alg: "ES256" },
  client.PrivateKeyJwt({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid }),
  ISSUER.startsWith("https:") ? {} : { execute: [client.allowInsecureRequests] },
);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));

const state = client.randomState();
const nonce = client.randomNonce();
const verifier = client.randomPKCECodeVerifier();
const address = await client.buildAuthorizationUrlWithPAR(
  config,
  {
    redirect_uri: CALLBACK,
    scope: "openid profile",
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  },
  { DPoP },
);
console.log(address.href);

const input = createInterface({ input: process.stdin });
const [answer] = await once(input, "line");
input.close();
const tokens = await client.authorizationCodeGrant(
  config,
  new URL(answer),
  { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce },
  undefined,
  { DPoP },
);
const claims = tokens.claims();
const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP });
console.log(JSON.stringify({ token_type: tokens.token_type, claims, person }));
