#!/usr/bin/env bash
# hubctl new: each template makes a service that lints clean and is never written over another. hubctl token: both kinds of token.
# Usage: new_token.sh PATH_OF_HUBCTL
set -euo pipefail
hubctl=$1
. tests/support/expect.sh

help=$("$hubctl" new --help | tr -s ' \n' ' ')
for folder in hubs/*/public hubs/templates/*; do
    name=$(basename "${folder%/public}")
    expect 0 "$name" "$hubctl" new "$work/new/my-$name.2" --template "$name"
    expect 0 "" "$hubctl" lint --strict "$work/new/my-$name.2"
    grep -q "^  name: my${name^}2$" "$work/new/my-$name.2/service.yaml" || bad "the service of $name is not renamed"
    [[ $help == *" $name: "* ]] || bad "--help says nothing of $name"
    [ ! -e "$work/new/my-$name.2/data" ] || bad "$name brings a database along"
done
expect 0 chat "$hubctl" new "$work/plain"
cmp "$work/plain/chat.hub.yaml" hubs/chat/chat.hub.yaml
mkdir "$work/empty" && expect 0 blank "$hubctl" new --template=blank "$work/empty"
expect 1 "not empty" "$hubctl" new "$work/empty"
expect 1 "Not a directory" "$hubctl" new "$work/empty/service.yaml"
expect 1 "Not a directory" "$hubctl" new "$work/empty/service.yaml/x"
expect 2 "there are board, chat" "$hubctl" new "$work/other" --template nonsense
expect 2 "which directory" "$hubctl" new
[ ! -e "$work/other" ] || bad "a folder was made for a template that is none"

service="$work/empty"
[ "$("$hubctl" token "$service" --user ann)" = dev:ann ] || bad "dev token"
expect 0 "accepted as ann" "$hubctl" token "$service" --check dev:ann
expect 1 "because  no method takes such a token; auth.dev takes dev:<userId>" "$hubctl" token "$service" --check ann
expect 2 "--check needs a value" "$hubctl" token "$service" --check
[ "$("$hubctl" token "$service" --user=ann --role editor)" = dev:ann:editor ] || bad "dev token with a role"
expect 1 "colon" "$hubctl" token "$service" --user a:b
expect 2 "--user ID" "$hubctl" token "$service"
expect 2 "--ttl: " "$hubctl" token "$service" --user ann --ttl 1w
expect 2 "--ttl: " "$hubctl" token "$service" --user ann --ttl 0
expect 2 "unknown option --rolle; did you mean --role?" "$hubctl" token "$service" --user ann --rolle x
expect 2 "" "$hubctl" token "$work/none" --user ann

sed -i 's|^  dev: true.*|  jwt: {algorithms: [ES256], publicKeyFile: p.pem, privateKeyFile: k.pem, issuer: iss, audience: aud, claims: {userId: uid, roleId: r}}|' "$service/service.yaml"
cp tests/unit/auth/data/p256.public.pem "$service/p.pem"
cp tests/unit/auth/data/p256.private.pem "$service/k.pem"
token=$("$hubctl" token "$service" --user ann --role editor --ttl 2m)
[[ $token =~ ^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$ ]] || bad "not a token: $token"
claims=$(tr '_-' '/+' <<<"${BASH_REMATCH[1]}==" | base64 -d 2>/dev/null || true)
for part in '"sub":"ann"' '"uid":"ann"' '"r":"editor"' '"iss":"iss"' '"aud":"aud"'; do
    [[ $claims == *"$part"* ]] || bad "$part is not in $claims"
done
[[ $claims =~ \"iat\":([0-9]+),\"exp\":([0-9]+) ]] || bad "no times in $claims"
[ $((BASH_REMATCH[2] - BASH_REMATCH[1])) = 120 ] || bad "--ttl 2m: $claims"

# What the service would say of a token, and why.
check() { expect "$1" "$2" "$hubctl" token "$service" --check "$3"; }
check 0 "accepted as ann" "$token"
check 0 'session  {"sub":"ann","uid":"ann","r":"editor"' "$token"
check 1 "because  the signature does not fit" "${token%?????}AAAAA"
check 1 'claims   {"sub":"ann"' "${token%?????}AAAAA"
check 1 "refused: invalid_token" "no.token"
other=$(sed 's/audience: aud/audience: [app, admin]/' "$service/service.yaml")
mkdir "$work/other" && cp "$service"/*.pem "$work/other" && printf '%s\n' "$other" >"$work/other/service.yaml"
expect 1 'because  "aud" names none of "app", "admin"' "$hubctl" token "$work/other" --check "$token"
short=$("$hubctl" token "$service" --user ann --ttl 1s)
sed -i 's/issuer: iss/issuer: iss, leewaySeconds: 0/' "$service/service.yaml"
until ! "$hubctl" token "$service" --check "$short" >"$work/checked"; do :; done # it lives for a second
grep -q "because  expired" "$work/checked" && grep -q "refused: token_expired" "$work/checked" || bad "an expired token: $(cat "$work/checked")"
sed -i 's/, leewaySeconds: 0//' "$service/service.yaml"
sed 's/^auth:/auth:\n  authenticate: "({deny: claims.r})"/' "$service/service.yaml" >"$work/other/service.yaml"
"$hubctl" migrate "$work/other" --apply >"$work/plan"
expect 1 "because  the authenticate hook refuses it" "$hubctl" token "$work/other" --check "$token"
expect 1 "reason   editor" "$hubctl" token "$work/other" --check "$token"
sed 's/^auth:/auth:\n  session: {redisKey: "s:${uid}"}/; $acache: {url: "redis://127.0.0.1:1"}' "$service/service.yaml" >"$work/other/service.yaml"
expect 4 "refused: store_unavailable" "$hubctl" token "$work/other" --check "$token"

cp tests/unit/auth/data/rsa.private.pem "$service/k.pem"
expect 1 "k.pem: the private key is not of the kind that ES256 needs" "$hubctl" token "$service" --user ann
sed -i 's|privateKeyFile: k.pem, ||' "$service/service.yaml"
expect 1 "auth.jwt.privateKeyFile" "$hubctl" token "$service" --user ann
sed -i 's|algorithms: \[ES256\], publicKeyFile: p.pem|algorithms: [HS256], secretEnv: HUB_TEST_SECRET|' "$service/service.yaml"
expect 1 "HUB_TEST_SECRET" "$hubctl" token "$service" --user ann
expect 0 "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." env HUB_TEST_SECRET=short "$hubctl" token "$service" --user ann
