// A backend that makes accounts for proofs:
//
//	PROOF_ISSUER=http://127.0.0.1:9000 PROOF_AUDIENCE=email-verification go run .
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strings"

	"example.com/backend/proof"
)

func main() {
	checker, err := proof.NewChecker(os.Getenv("PROOF_ISSUER"), os.Getenv("PROOF_AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	// In production, instead of NewMemory(): Postgres{DB: database}.
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, Routes(checker, NewMemory())))
}

// Routes are the endpoints for proofs.
func Routes(checker *proof.Checker, accounts Accounts) http.Handler {
	b := backend{checker, accounts}
	routes := http.NewServeMux()
	routes.HandleFunc("/sign-up", b.signUp)
	routes.HandleFunc("/sign-in", b.signIn)
	return routes
}

type backend struct {
	checker  *proof.Checker
	accounts Accounts
}

// signUp makes an account.
func (b backend) signUp(w http.ResponseWriter, r *http.Request) {
	claims := b.proven(w, r, "sign-up")
	if claims == nil {
		return
	}
	isNew, err := b.accounts.Create(r.Context(), claims)
	switch {
	case err != nil:
		fail(w, http.StatusInternalServerError, "internal-error", err)
	case !isNew:
		fail(w, http.StatusConflict, "account-exists", nil)
	default:
		// Log the person in here.
		respond(w, http.StatusCreated, map[string]string{"email": claims.Email})
	}
}

// signIn logs in by a proof. Leave it out if people have passwords.
func (b backend) signIn(w http.ResponseWriter, r *http.Request) {
	// A 409 at the sign-up did not use the proof up, so it may come here.
	claims := b.proven(w, r, "sign-in", "sign-up")
	if claims == nil {
		return
	}
	exists, err := b.accounts.Exists(r.Context(), claims.Email)
	isUnused := false
	if exists {
		isUnused, err = b.accounts.UseProof(r.Context(), claims)
	}
	switch {
	case err != nil:
		fail(w, http.StatusInternalServerError, "internal-error", err)
	case !exists:
		fail(w, http.StatusNotFound, "no-account", nil)
	case !isUnused:
		fail(w, http.StatusUnauthorized, "proof-refused", errors.New("used before"))
	default:
		// Log the person in here.
		respond(w, http.StatusOK, map[string]string{"email": claims.Email})
	}
}

// proven returns the claims of the proof in the body. If there are none, it has responded.
func (b backend) proven(w http.ResponseWriter, r *http.Request, purpose string, others ...string) *proof.Claims {
	if r.Method != http.MethodPost {
		fail(w, http.StatusMethodNotAllowed, "method-not-allowed", nil)
		return nil
	}
	var body struct {
		Token       string  `json:"token"`
		ChallengeID *string `json:"challenge_id"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 100_000)).Decode(&body)
	if err != nil || body.Token == "" {
		fail(w, http.StatusBadRequest, "malformed-request", nil)
		return nil
	}
	claims, err := b.checker.Verify(body.Token, purpose, others...)
	// The claim is in lower case, however the app writes it.
	if err == nil && body.ChallengeID != nil && strings.ToLower(*body.ChallengeID) != claims.ChallengeID {
		err = errors.New("not the challenge of the app")
	}
	// If you have sessions, compare claims.ChallengeID with the session's here: docs/backend.md.
	switch {
	case errors.Is(err, proof.ErrKeysUnavailable):
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "keys-unavailable", err)
		return nil
	case err != nil:
		fail(w, http.StatusUnauthorized, "proof-refused", err)
		return nil
	}
	return claims
}

// fail logs the cause, never the token.
func fail(w http.ResponseWriter, status int, name string, cause error) {
	if cause != nil {
		log.Printf("%s: %v", name, cause)
	}
	respond(w, status, map[string]string{"error": name})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
