package main

import (
	"context"
	"database/sql"
	"sync"

	"example.com/backend/proof"
)

// Accounts are where people and used proofs are stored.
type Accounts interface {
	// Create stores the account and the proof's id, or neither if one of them is there already. It returns whether it did.
	Create(context.Context, *proof.Claims) (bool, error)
	// Exists returns whether there is an account of this address.
	Exists(ctx context.Context, email string) (bool, error)
	// UseProof stores the proof's id. It returns false if it is there already.
	UseProof(context.Context, *proof.Claims) (bool, error)
}

// Postgres are accounts in the tables of ../sql/postgres.sql. Open DB with the driver of your choice.
type Postgres struct{ DB *sql.DB }

const (
	// Each ON CONFLICT names its column, so that a second unique column, such as a user name, is an error and not a 409.
	useProof   = "INSERT INTO used_proofs (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING"
	addAccount = "INSERT INTO accounts (email) VALUES ($1) ON CONFLICT (email) DO NOTHING"
	hasAccount = "SELECT EXISTS (SELECT FROM accounts WHERE email = $1)"
)

func (p Postgres) Create(ctx context.Context, claims *proof.Claims) (bool, error) {
	tx, err := p.DB.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	// Does nothing after Commit.
	defer tx.Rollback()
	if isNew, err := inserts(tx.ExecContext(ctx, useProof, claims.ID, claims.ExpiresAt)); !isNew {
		return false, err
	}
	if isNew, err := inserts(tx.ExecContext(ctx, addAccount, claims.Email)); !isNew {
		return false, err
	}
	err = tx.Commit()
	return err == nil, err
}

func (p Postgres) Exists(ctx context.Context, email string) (exists bool, err error) {
	err = p.DB.QueryRowContext(ctx, hasAccount, email).Scan(&exists)
	return exists, err
}

func (p Postgres) UseProof(ctx context.Context, claims *proof.Claims) (bool, error) {
	return inserts(p.DB.ExecContext(ctx, useProof, claims.ID, claims.ExpiresAt))
}

// inserts returns whether a statement has inserted its row.
func inserts(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows == 1, err
}

// Memory are accounts for tests. They are gone when the process ends.
type Memory struct {
	mutex      sync.Mutex
	emails     map[string]bool
	usedProofs map[string]bool
}

func NewMemory() *Memory {
	return &Memory{emails: map[string]bool{}, usedProofs: map[string]bool{}}
}

func (m *Memory) Create(_ context.Context, claims *proof.Claims) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.usedProofs[claims.ID] || m.emails[claims.Email] {
		return false, nil
	}
	m.usedProofs[claims.ID], m.emails[claims.Email] = true, true
	return true, nil
}

func (m *Memory) Exists(_ context.Context, email string) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.emails[email], nil
}

func (m *Memory) UseProof(_ context.Context, claims *proof.Claims) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	isUnused := !m.usedProofs[claims.ID]
	m.usedProofs[claims.ID] = true
	return isUnused, nil
}
