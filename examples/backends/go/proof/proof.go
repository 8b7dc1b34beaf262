// Package proof verifies proofs, with the standard library alone.
package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ErrKeysUnavailable means 503: nothing is known about the proof. Any other error of Verify means 401.
var ErrKeysUnavailable = errors.New("the keys of the proofs could not be fetched")

const (
	leeway       = 10 * time.Second
	keysLifetime = 5 * time.Minute
	// So that tokens with made-up key ids do not fetch all the time.
	unknownKeyPause = 30 * time.Second
)

// Claims are those of a proof.
type Claims struct {
	Issuer        string `json:"iss"`
	Audience      string `json:"aud"`
	ExpiresAt     int64  `json:"exp"`
	ID            string `json:"jti"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	ChallengeID   string `json:"challenge_id"`
	Purpose       string `json:"purpose"`
}

// Checker checks proofs. It caches the keys: make one per process.
type Checker struct {
	issuer    string
	audiences []string
	client    http.Client
	fetching  sync.Mutex

	mutex   sync.Mutex // for what follows
	keys    map[string]*ecdsa.PublicKey
	fetched time.Time // when keys were last fetched
	tried   time.Time // when they were last asked for, and
	failure error     // what came of it
}

// NewChecker takes PROOF_ISSUER and PROOF_AUDIENCE, which may be several, separated by spaces.
func NewChecker(issuer, audience string) (*Checker, error) {
	audiences := strings.Fields(audience)
	if issuer == "" || len(audiences) == 0 {
		return nil, errors.New("PROOF_ISSUER and PROOF_AUDIENCE must be set")
	}
	if strings.HasSuffix(issuer, "/") {
		return nil, errors.New("PROOF_ISSUER must not end with a slash")
	}
	return &Checker{issuer: issuer, audiences: audiences, client: http.Client{Timeout: 5 * time.Second}}, nil
}

// Verify returns the claims of a proof for this purpose, or one of the others. That it is used once is up to the caller.
func (c *Checker) Verify(token, purpose string, otherPurposes ...string) (*Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a JWT")
	}
	var header struct {
		Algorithm string          `json:"alg"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	if err := decode(parts[0], &header); err != nil {
		return nil, fmt.Errorf("not a JWT: %w", err)
	}
	if header.Algorithm != "ES256" || header.Critical != nil {
		return nil, errors.New("algorithm not allowed")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return nil, errors.New("signature of another length")
	}
	key, err := c.key(header.KeyID)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return nil, errors.New("signature does not match")
	}

	var claims Claims
	if err := decode(parts[1], &claims); err != nil {
		return nil, fmt.Errorf("not a proof: %w", err)
	}
	switch {
	case claims.Issuer != c.issuer:
		return nil, errors.New("of another issuer")
	case !contains(c.audiences, claims.Audience):
		return nil, errors.New("for another audience")
	case time.Now().After(time.Unix(claims.ExpiresAt, 0).Add(leeway)):
		return nil, errors.New("expired")
	case claims.Purpose == "" || claims.Purpose != purpose && !contains(otherPurposes, claims.Purpose):
		return nil, errors.New("for another purpose")
	case !claims.EmailVerified || claims.Email == "" || claims.ID == "" || claims.ChallengeID == "":
		return nil, errors.New("not a proof")
	}
	return &claims, nil
}

// key returns the key of that name, and fetches the keys if they are old or have none of that name.
func (c *Checker) key(id string) (*ecdsa.PublicKey, error) {
	arrived := time.Now()
	if key, err := c.cachedKey(id, arrived); key != nil || err != nil {
		return key, err
	}
	c.fetching.Lock()
	defer c.fetching.Unlock()
	// Another request may have fetched them while this one waited.
	if key, err := c.cachedKey(id, arrived); key != nil || err != nil {
		return key, err
	}
	keys, err := c.fetch()
	c.mutex.Lock()
	c.tried, c.failure = time.Now(), err
	if err == nil {
		c.keys, c.fetched = keys, c.tried
	}
	c.mutex.Unlock()
	return c.cachedKey(id, arrived)
}

// cachedKey returns neither a key nor an error if the keys have to be fetched.
func (c *Checker) cachedKey(id string, arrived time.Time) (*ecdsa.PublicKey, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	isFresh := time.Since(c.fetched) < keysLifetime
	if key := c.keys[id]; key != nil && isFresh {
		return key, nil
	}
	mayFetch := !isFresh || time.Since(c.tried) >= unknownKeyPause
	if mayFetch && c.tried.Before(arrived) {
		return nil, nil
	}
	if c.failure != nil {
		return nil, fmt.Errorf("%w: %v", ErrKeysUnavailable, c.failure)
	}
	return nil, errors.New("no key of that name")
}

func (c *Checker) fetch() (map[string]*ecdsa.PublicKey, error) {
	response, err := c.client.Get(c.issuer + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	var set struct {
		Keys []struct {
			ID    string `json:"kid"`
			Curve string `json:"crv"`
			X     string `json:"x"`
			Y     string `json:"y"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, key := range set.Keys {
		x, errX := base64.RawURLEncoding.DecodeString(key.X)
		y, errY := base64.RawURLEncoding.DecodeString(key.Y)
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
		if key.Curve == "P-256" && errX == nil && errY == nil && public.Curve.IsOnCurve(public.X, public.Y) {
			keys[key.ID] = public
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no key for ES256")
	}
	return keys, nil
}

func decode(part string, value any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, value)
}

func contains(list []string, text string) bool {
	for _, entry := range list {
		if entry == text {
			return true
		}
	}
	return false
}
