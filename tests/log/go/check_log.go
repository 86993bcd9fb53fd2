// check_log reads a log folder with the Go team's own packages and nothing of ours: the signature by
// x/mod/sumdb/note, every hash by x/mod/sumdb/tlog.
//
//	check_log VKEY FOLDER              every entry against the signed tree head
//	check_log VKEY FOLDER PROOF ENTRY  one .tlog-proof file and its entry
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of a tile: 256 hashes

// folder gives tlog the tiles of a log on disk, partial ones under the path that the C2SP form has.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := f.read(strconv.Itoa(tile.L), tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) read(level string, index int64, width int) ([]byte, error) {
	name := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		name = fmt.Sprintf("x%03d/%s", index%1000, name)
	}
	if width < 1<<height {
		name += fmt.Sprintf(".p/%d", width)
	}
	return os.ReadFile(filepath.Join(string(f), "tile", level, filepath.FromSlash(name)))
}

func check(err error) {
	if err != nil {
		fmt.Println("REFUSED:", err)
		os.Exit(1)
	}
}

func open(vkey string, checkpoint []byte) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	opened, err := note.Open(checkpoint, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		check(fmt.Errorf("not a tree head of %s", verifier.Name()))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func checkAll(vkey string, place folder) {
	checkpoint, err := os.ReadFile(filepath.Join(string(place), "checkpoint"))
	check(err)
	tree := open(vkey, checkpoint)
	reader := tlog.TileHashReader(tree, place)
	for first := int64(0); first < tree.N; first += 1 << height {
		width := int(min(tree.N-first, 1<<height))
		bundle, err := place.read("entries", first>>height, width)
		check(err)
		var indexes []int64
		for i := 0; i < width; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		hashes, err := reader.ReadHashes(indexes)
		check(err)
		for i := 0; i < width; i++ {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				check(fmt.Errorf("entry %d is cut off", first+int64(i)))
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:end]) != hashes[i] {
				check(fmt.Errorf("entry %d is not the one in the tree", first+int64(i)))
			}
			bundle = bundle[end:]
		}
		if len(bundle) > 0 {
			check(fmt.Errorf("more entries than the tree head covers"))
		}
	}
	fmt.Println("ACCEPTED", tree.N)
}

func checkProof(vkey string, proof, entry []byte) {
	top, checkpoint, found := bytes.Cut(proof, []byte("\n\n"))
	lines := strings.Split(string(top), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		check(fmt.Errorf("not a proof"))
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	var hashes tlog.RecordProof
	for _, line := range lines[2:] {
		raw, err := base64.StdEncoding.DecodeString(line)
		check(err)
		var hash tlog.Hash
		if copy(hash[:], raw) != len(raw) || len(raw) != len(hash) {
			check(fmt.Errorf("not a hash: %s", line))
		}
		hashes = append(hashes, hash)
	}
	tree := open(vkey, checkpoint)
	check(tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	fmt.Println("ACCEPTED", index)
}

func main() {
	if len(os.Args) == 5 {
		proof, err := os.ReadFile(os.Args[3])
		check(err)
		entry, err := os.ReadFile(os.Args[4])
		check(err)
		checkProof(os.Args[1], proof, entry)
		return
	}
	checkAll(os.Args[1], folder(os.Args[2]))
}
