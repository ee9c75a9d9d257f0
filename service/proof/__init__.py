"""The formats of the log that one can prove: make them, and check them without trusting anyone.

Pure: no input or output, no clock, nothing of the service but itself. Whatever is wrong is raised
as a `ProofError` (`fault.py`); `str()` is for a person:
    Malformed  the bytes are not of the form
    Unproven   hashes, sizes or signatures do not lead to each other
    Damaged    a bundle is not what was sealed: `.kind`, `.position`, `.who` (could have done it)
    Undecided  what was handed in does not suffice to tell
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
`witness`
    add_checkpoint(old size, consistency proof, note) -> body of the request
    cosignature_lines(note, answer, witness's VerifierKey) -> its lines
`checkpoint`
    Checkpoint(origin, size, root), .text() · parse_checkpoint(text)
    sign_checkpoint(Checkpoint, [Signer]) -> note · open_checkpoint(note, [VerifierKey])
    origin_of(base, incarnation) · incarnation_of(origin) -> (base, incarnation)
`entry`
    Entry(tenant, kind, entity, version, operation, actor, key, time_us, payload_hash, prev_hash)
    entry_bytes(Entry) · parse_entry(bytes) · entry_hash(bytes) · payload_hash(salt, document)
    leaf_bytes(tenant, position, entry_hash, previous) · parse_leaf(bytes) -> Leaf
    NOTHING: 32 zero bytes, the predecessor of what has none
`receipt`
    Receipt(audit_id=, entry=, salt=, document=, log_index=, position=, leaf=, proof=, checkpoint=):
    the JSON answer, encoded with msgspec · parse_receipt(json) -> Receipt
    check_receipt(Receipt, [VerifierKey]) -> Proved(leaf, leaf_hash, log_index, checkpoint, entry)
    format_tlog_proof(index, [hash], note, leaf) -> c2sp.org/tlog-proof@v1, the leaf as extra data
    parse_tlog_proof(text) · check_tlog_proof(text, [VerifierKey], leaf=None) -> Proved
`bundle`: each line ends with the leaf's hash (audit.position.leaf_hash), which tells where a line
    was changed, dropped, added or moved
    header_line(tenant_id) · shown_line(entry, salt, document, leaf_hash)
    absent_line(entry, WITHHELD | ERASED | PRUNED, leaf_hash)
    trailer_line(count, (log index, inclusion proof) of the last leaf or None, note,
        {size asked for with since: consistency proof from it to the checkpoint's size})
    parse_header(line) · parse_trailer(line)
`bundle_check`
    check_bundle(lines, [VerifierKey], held=[Checkpoint], leaves={position: leaf hash}) -> Report
"""
