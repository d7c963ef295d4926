package io.sluice.block;

/**
 * What a {@link Bio} asks for. A filter declares the operations it understands; one that it does
 * not know is emulated or refused by the registry and never passed over it, so adding a constant
 * here is safe for filters that were compiled before.
 */
public enum BioOp {
  /** Fill the buffer from the range. */
  READ(true, false),
  /** Store the buffer into the range. */
  WRITE(true, true),
  /** Make every write that was completed before this bio was submitted durable. Has no range. */
  FLUSH(false, false),
  /** Say that the range's contents are of no more use; what it reads afterwards is undefined. */
  DISCARD(false, true),
  /** Make the range read as zeroes. */
  WRITE_ZEROES(false, true);

  private final boolean carriesData;
  private final boolean modifiesData;

  BioOp(boolean carriesData, boolean modifiesData) {
    this.carriesData = carriesData;
    this.modifiesData = modifiesData;
  }

  /** Whether a bio of this operation has a buffer. */
  public boolean carriesData() {
    return carriesData;
  }

  /** Whether this operation may change what a later read of the range returns. */
  public boolean modifiesData() {
    return modifiesData;
  }
}
