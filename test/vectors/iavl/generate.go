// Makes roots.json: root hashes of github.com/cosmos/iavl v1.2.2 after operations that are drawn from a seed, and roots
// over stores of cosmossdk.io/store v1.1.1. In a module of its own: go mod init vectors && go mod tidy && go run . > roots.json
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"cosmossdk.io/log"
	"cosmossdk.io/store/types"
	"github.com/cosmos/iavl"
	dbm "github.com/cosmos/iavl/db"
)

type rng struct{ s uint32 }

// xorshift32
func (r *rng) next(n uint32) uint32 {
	r.s ^= r.s << 13
	r.s ^= r.s >> 17
	r.s ^= r.s << 5
	return r.s % n
}

type Case struct {
	Seed     uint32   `json:"seed"`
	Keys     uint32   `json:"keys"`
	Versions uint32   `json:"versions"`
	Ops      uint32   `json:"ops"`
	Deletes  uint32   `json:"deletes_percent"`
	First    uint64   `json:"first_version"`
	Roots    []string `json:"roots"`
}

func run(c *Case) {
	db := dbm.NewMemDB()
	t := iavl.NewMutableTree(db, 1000, true, log.NewNopLogger(), iavl.InitialVersionOption(c.First))
	r := &rng{c.Seed}
	for v := uint32(0); v < c.Versions; v++ {
		for i := uint32(0); i < c.Ops; i++ {
			del := r.next(100) < c.Deletes
			k := r.next(c.Keys)
			// keys of 1 to 4 bytes, so that some are the beginning of others
			h := sha256.Sum256([]byte(fmt.Sprintf("k%d", k)))
			key := h[:1+h[31]%4]
			if del {
				if _, _, err := t.Remove(key); err != nil {
					panic(err)
				}
			} else {
				val := []byte(fmt.Sprintf("value %d", r.next(1000000)))
				if _, err := t.Set(key, val); err != nil {
					panic(err)
				}
			}
		}
		hash, _, err := t.SaveVersion()
		if err != nil {
			panic(err)
		}
		c.Roots = append(c.Roots, hex.EncodeToString(hash))
	}
}

func main() {
	cases := []*Case{
		{Seed: 1, Keys: 40, Versions: 30, Ops: 8, Deletes: 50, First: 1},
		{Seed: 2, Keys: 1000, Versions: 20, Ops: 100, Deletes: 20, First: 1},
		{Seed: 3, Keys: 5000, Versions: 10, Ops: 2000, Deletes: 35, First: 1000000},
		{Seed: 4, Keys: 300, Versions: 40, Ops: 60, Deletes: 60, First: 7},
		{Seed: 5, Keys: 3, Versions: 40, Ops: 2, Deletes: 60, First: 1},
	}
	for _, c := range cases {
		run(c)
	}
	multi := []map[string]interface{}{}
	for _, n := range []int{0, 1, 2, 3, 5, 11} {
		ci := types.CommitInfo{Version: 3}
		stores := []map[string]string{}
		for i := 0; i < n; i++ {
			name := fmt.Sprintf("store%c", 'a'+byte((i*7)%26))
			h := sha256.Sum256([]byte(name))
			ci.StoreInfos = append(ci.StoreInfos, types.StoreInfo{Name: name, CommitId: types.CommitID{Version: 3, Hash: h[:]}})
			stores = append(stores, map[string]string{"name": name, "hash": hex.EncodeToString(h[:])})
		}
		multi = append(multi, map[string]interface{}{"stores": stores, "root": hex.EncodeToString(ci.Hash())})
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", " ")
	enc.Encode(map[string]interface{}{"made_by": "generate.go beside this file, with github.com/cosmos/iavl v1.2.2 and cosmossdk.io/store v1.1.1: roots after each version of operations drawn by xorshift32 from the seed, and roots over stores", "iavl": cases, "commit_info": multi})
}
