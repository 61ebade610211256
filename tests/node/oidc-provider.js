// The OpenID Connect provider of npm on a free port. It prints its address, lets in whoever gives any
// password, and ends when its input does.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [clientId, clientSecret] = process.argv.slice(2);

// Whoever signs in is told apart by name: admin-…, unverified-….
const claimsOf = (id) => ({
  sub: id,
  preferred_username: id,
  name: `${id} of the directory`,
  email: `${id}@example.org`,
  email_verified: !id.startsWith("unverified-"),
  groups: id.startsWith("admin-") ? ["staff", "admins"] : ["staff"],
  minifile: { quota: "3GiB" },
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: ["http://localhost/login/oidc/callback"],
      },
    ],
    claims: {
      openid: ["sub"],
      profile: ["preferred_username", "name", "groups", "minifile"],
      email: ["email", "email_verified"],
    },
    cookies: { keys: ["a key that only tests use"] },
    pkce: { required: () => true },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => claimsOf(id) }),
  });
  // A server under test has another port each time.
  const { redirectUriAllowed } = provider.Client.prototype;
  provider.Client.prototype.redirectUriAllowed = function (uri) {
    return redirectUriAllowed.call(this, uri.replace(/^http:\/\/127\.0\.0\.1:\d+\//, "http://localhost/"));
  };
  server.on("request", provider.callback());
  process.stdin.on("end", () => process.exit()).resume();
  console.log(issuer);
});
