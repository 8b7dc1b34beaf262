// go test ./...
// They sign proofs with a key of their own, and need no service.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"example.com/backend/proof"
)

var key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

type claims map[string]any

// issuer is a service that signs proofs and serves its key set.
type issuer struct {
	*httptest.Server
	lacksKeys atomic.Bool
	fetches   atomic.Int32
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.lacksKeys.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "test", "x": %q, "y": %q}]}`,
			encode(fixed(key.X)), encode(fixed(key.Y)))
	}))
	t.Cleanup(i.Close)
	return i
}

// proof signs a proof with the test key. What is nil it lacks.
func (i *issuer) proof(changes claims) string {
	return i.proofOfKey("test", changes)
}

func (i *issuer) proofOfKey(kid string, changes claims) string {
	all := claims{
		"iss": i.URL, "aud": "staging", "email": "kim@example.com", "email_verified": true, "purpose": "sign-up",
		"jti": fmt.Sprint(time.Now().UnixNano()), "challenge_id": "1", "exp": time.Now().Add(10 * time.Minute).Unix(),
	}
	for name, value := range changes {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	header, _ := json.Marshal(claims{"alg": "ES256", "kid": kid})
	payload, _ := json.Marshal(all)
	message := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(message))
	r, s, _ := ecdsa.Sign(rand.Reader, key, digest[:])
	return message + "." + encode(append(fixed(r), fixed(s)...))
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func fixed(number *big.Int) []byte { return number.FillBytes(make([]byte, 32)) }

// backend posts to a backend without accounts, and expects a status.
func newBackend(t *testing.T, i *issuer) func(path, token string, status int) {
	checker, err := proof.NewChecker(i.URL, "staging staging:test")
	if err != nil {
		t.Fatal(err)
	}
	routes := Routes(checker, NewMemory())
	return func(path, token string, status int) {
		t.Helper()
		body, _ := json.Marshal(claims{"token": token})
		if code := post(routes, path, body); code != status {
			t.Errorf("%s: %d in place of %d", path, code, status)
		}
	}
}

func post(routes http.Handler, path string, body []byte) int {
	response := httptest.NewRecorder()
	routes.ServeHTTP(response, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
	return response.Code
}

func TestAProofIsUsedOnceAndAnAddressHasOneAccount(t *testing.T) {
	i := newIssuer(t)
	send := newBackend(t, i)
	send("/sign-up", i.proof(claims{"jti": "1"}), 201)
	send("/sign-up", i.proof(claims{"jti": "1", "email": "lee@example.com"}), 409)
	send("/sign-up", i.proof(nil), 409)
}

func TestAProofThatMetAnAccountLogsInOnce(t *testing.T) {
	i := newIssuer(t)
	send := newBackend(t, i)
	used, unused := i.proof(nil), i.proof(nil)
	send("/sign-in", unused, 404)
	send("/sign-up", used, 201)
	send("/sign-up", unused, 409)
	send("/sign-in", used, 401)
	send("/sign-in", unused, 200)
	send("/sign-in", unused, 401)
}

func TestWhatIsNoProofForThisBackendIsRefused(t *testing.T) {
	i := newIssuer(t)
	send := newBackend(t, i)
	for _, changes := range []claims{
		{"aud": "production:test"}, {"iss": "https://other.example.com"}, {"exp": 1}, {"exp": nil}, {"email_verified": false},
	} {
		send("/sign-up", i.proof(changes), 401)
	}
	send("/sign-up", "not a JWT", 401)
	send("/sign-up", "", 400)
}

func TestAProofIsForOnePurpose(t *testing.T) {
	i := newIssuer(t)
	send := newBackend(t, i)
	send("/sign-up", i.proof(claims{"purpose": "sign-in"}), 401)
	send("/sign-up", i.proof(claims{"purpose": nil}), 401)
	send("/sign-up", i.proof(nil), 201)
	send("/sign-in", i.proof(claims{"purpose": "change-email"}), 401)
	send("/sign-in", i.proof(claims{"purpose": nil}), 401)
	send("/sign-in", i.proof(claims{"purpose": "sign-in"}), 200)
}

func TestAStagingBackendAcceptsTestRecipients(t *testing.T) {
	i := newIssuer(t)
	newBackend(t, i)("/sign-up", i.proof(claims{"aud": "staging:test"}), 201)
}

func TestTheChallengeIsThatOfTheApp(t *testing.T) {
	i := newIssuer(t)
	checker, _ := proof.NewChecker(i.URL, "staging")
	routes := Routes(checker, NewMemory())
	for id, status := range map[string]int{"2": 401, "1": 201} {
		body, _ := json.Marshal(claims{"token": i.proof(nil), "challenge_id": id})
		if code := post(routes, "/sign-up", body); code != status {
			t.Error(id, code)
		}
	}
}

func TestNothingIsRefusedWhileThereAreNoKeys(t *testing.T) {
	i := newIssuer(t)
	send := newBackend(t, i)
	i.lacksKeys.Store(true)
	send("/sign-up", i.proof(nil), 503)
	i.lacksKeys.Store(false)
	send("/sign-up", i.proof(nil), 201)
}

func TestMadeUpKeysDoNotFetchAgainAndAgain(t *testing.T) {
	i := newIssuer(t)
	send := newBackend(t, i)
	for range make([]struct{}, 5) {
		send("/sign-up", i.proofOfKey("made up", nil), 401)
	}
	send("/sign-up", i.proof(nil), 201)
	if fetches := i.fetches.Load(); fetches != 1 {
		t.Error(fetches, "fetches")
	}
}

func TestItDoesNotStartWithoutIssuerOrAudience(t *testing.T) {
	for _, pair := range [][2]string{{"", "staging"}, {"https://verify.example.com", " "}, {"https://verify.example.com/", "a"}} {
		if _, err := proof.NewChecker(pair[0], pair[1]); err == nil {
			t.Error(pair)
		}
	}
}
