"""The formats of the log that one can prove: make them, and check them without trusting anyone.

Pure: no input or output, no clock, nothing of the service but itself. Whatever is wrong is raised
as a `ProofError` (`fault.py`): `Malformed` for bytes that are not of the form, `Unproven` for
hashes, sizes or signatures that do not lead to each other; `str()` is for a person.
docs/audit-format.md has every format byte for byte.

Hashes are 32 bytes; sizes count leaves; indexes start at 0, a tenant's positions at 1.

`tree`
    leaf_hash(leaf) · node_hash(left, right) · EMPTY_ROOT
    verify_inclusion(leaf_hash, index, size, proof, root)
    root_from_inclusion(leaf_hash, index, size, proof) -> root
    verify_consistency(old_size, size, proof, old_root, root)
`tiles`: a Tile is (level, index); tiles are a mapping from Tile to up to 256 hashes in one `bytes`,
    fetched by the caller; a tile may hold more than the size needs
    root_tiles(size), inclusion_tiles(index, size), consistency_tiles(old_size, size) -> [Tile]
    root(size, tiles) · prove_inclusion(index, size, tiles) -> [hash]
    prove_consistency(old_size, size, tiles) -> [hash]
    width(level, index, size) -> how many hashes a tile has in a tree of that size
    Frontier(size, edge): the right edge; Frontier() is the empty tree; .root()
    frontier(size, tiles) -> Frontier, from the tiles that root_tiles(size) names
    extend(frontier, [leaf hash]) -> (Frontier, {Tile: whole new content of each changed tile})
`tile_path`
    TilePath(level, index, width=256), str() of it · parse_tile_path("0/x001/234.p/7")
`keys`
    new_seed() · parse_seeds(text of a key file, or one seed) -> [seed] · format_seeds([seed])
    Signer(name, seed), .vkey, .sign(bytes)
    VerifierKey(name, public, kind), str() of it, .key_id, .named(name) · parse_vkey(text)
`note`
    sign(text, [Signer]) -> note · parse_note(note) -> Note(text, signatures)
    verify(note, [VerifierKey]) -> text
    verify_cosignatures(note, [VerifierKey of witnesses]) -> {name: seconds since 1970}
    cosigned(text, time_s) -> what a witness signs · add_signatures(note, lines) -> note
`checkpoint`
    Checkpoint(origin, size, root), .text() · parse_checkpoint(text)
    sign_checkpoint(Checkpoint, [Signer]) -> note · open_checkpoint(note, [VerifierKey])
    origin_of(base, incarnation) · incarnation_of(origin) -> (base, incarnation)
`entry`
    Entry(tenant, kind, entity, version, operation, actor, key, time_us, payload_hash, prev_hash)
    entry_bytes(Entry) · parse_entry(bytes) · entry_hash(bytes) · payload_hash(salt, document)
    leaf_bytes(tenant, position, entry_hash, previous) · parse_leaf(bytes) -> Leaf
    NOTHING: 32 zero bytes, the predecessor of what has none
"""
