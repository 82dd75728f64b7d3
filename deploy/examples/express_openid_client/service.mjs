// A service whose people come from the platform: Express with openid-client.
// docs/integrate.md explains it.
import express from "express";
import session from "express-session";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { randomBytes } from "node:crypto";
import * as client from "openid-client";

const { ISSUER, URL: OWN, CLIENT_ID, CLIENT_SECRET } = process.env;
const FRESH_SECONDS = Number(process.env.FRESH_SECONDS ?? 600); // how old may roles be here?
const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";
const seconds = () => Date.now() / 1000;

const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  undefined,
  client.ClientSecretBasic(CLIENT_SECRET),
  ISSUER.startsWith("https:") ? {} : { execute: [client.allowInsecureRequests] },
);
const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));

const app = express();
const store = new session.MemoryStore(); // yours is a database
const sessionsOf = new Map(); // sid of the platform → ids of our sessions
app.use(
  session({
    store,
    name: "my_service",
    secret: process.env.SECRET_KEY ?? randomBytes(32).toString("hex"),
    cookie: { sameSite: "lax", secure: OWN.startsWith("https:") },
    resave: false,
    saveUninitialized: false,
  }),
);

app.get("/", async (request, response) => {
  if ("iss" in request.query) {
    // The portal's tile: ?iss=…&company=…
    return response.redirect(`/sign-in?${new URLSearchParams(request.query)}`);
  }
  const claims = await getClaims(request);
  if (!claims) return response.send('Not signed in. <a href="/sign-in">Sign in</a>');
  const text = `${claims.sub} in ${claims.company.name} as ${claims.roles.join(", ")}`;
  response.send(`<p>${escape(text)}</p>
    <form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`);
});

app.get("/sign-in", async (request, response) => {
  const { iss = ISSUER, company } = request.query;
  if (iss !== ISSUER) return response.sendStatus(400);
  const asked = {
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
  };
  request.session.asked = asked;
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: `${OWN}/callback`,
    scope: "openid profile email offline_access",
    state: asked.state,
    nonce: asked.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(asked.verifier),
    code_challenge_method: "S256",
    ...(typeof company === "string" ? { company } : {}),
  });
  response.redirect(address.href);
});

app.get("/callback", async (request, response) => {
  const { asked } = request.session;
  if (!asked) return response.redirect("/");
  delete request.session.asked;
  let tokens;
  try {
    // Checks iss (RFC 9207), state, nonce, PKCE and the ID token.
    tokens = await client.authorizationCodeGrant(config, new URL(request.originalUrl, OWN), {
      pkceCodeVerifier: asked.verifier,
      expectedState: asked.state,
      expectedNonce: asked.nonce,
    });
  } catch (error) {
    if (error instanceof client.AuthorizationResponseError) {
      return response.status(403).send(`Not signed in: ${escape(error.error)}`);
    }
    return response.sendStatus(400);
  }
  request.session.regenerate(() => {
    keep(request, tokens);
    response.redirect("/");
  });
});

// Company and roles are kept with the sign-in, never with the person.
function keep(request, tokens) {
  const claims = tokens.claims();
  request.session.signIn = { tokens: { ...tokens }, claims, at: seconds() };
  sessionsOf.set(claims.sid, (sessionsOf.get(claims.sid) ?? new Set()).add(request.sessionID));
}

// Who is signed in, with roles that are at most FRESH_SECONDS old.
async function getClaims(request) {
  const { signIn } = request.session;
  if (!signIn || signIn.at > seconds() - FRESH_SECONDS) return signIn?.claims;
  try {
    keep(request, await client.refreshTokenGrant(config, signIn.tokens.refresh_token));
  } catch (error) {
    if (error.error !== "invalid_grant") throw error;
    delete request.session.signIn; // the access has ended, and so does the session here
  }
  return request.session.signIn?.claims;
}

// Ends the session here, then at the platform, which leads back.
app.post("/sign-out", (request, response) => {
  const { signIn } = request.session;
  request.session.destroy(() => {
    if (!signIn) return response.redirect("/");
    const address = client.buildEndSessionUrl(config, {
      id_token_hint: signIn.tokens.id_token,
      post_logout_redirect_uri: `${OWN}/signed-out`,
    });
    response.redirect(address.href);
  });
});

app.get("/signed-out", (request, response) => response.send("Signed out."));

// Ends the sessions of a `sid`: the platform tells it by itself, without a browser.
app.post("/backchannel-logout", express.urlencoded({ extended: false }), async (request, response) => {
  let sid;
  try {
    sid = await readLogoutToken(request.body?.logout_token);
  } catch {
    return response.sendStatus(400);
  }
  for (const id of sessionsOf.get(sid) ?? []) store.destroy(id);
  sessionsOf.delete(sid);
  response.sendStatus(200);
});

// The `sid` whose sessions end; throws for anything that isn't sound.
async function readLogoutToken(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer: ISSUER,
    audience: CLIENT_ID,
    typ: "logout+jwt",
    requiredClaims: ["iat", "exp", "jti", "sid"],
  });
  if (!payload.events?.[LOGOUT_EVENT] || "nonce" in payload) {
    throw new Error("This is an ID token, or something else.");
  }
  return payload.sid;
}

function escape(text) {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

app.listen(Number(new URL(OWN).port || 8080), "127.0.0.1");
