"""The patient placed in space: bones, discs, canal, ribs and implants as analytic solids in LPS mm."""
