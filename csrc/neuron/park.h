// Sections out of NEURON's solver and back: the list items move, nothing is freed. One parked set a
// process.
#pragma once
#include <vector>

#include "nrnapi.h"

namespace ann {

// Every section of the tree that `root` belongs to, root first.
std::vector<Section*> tree(Section* root);

// Moves exactly these sections out of `section_list`; any parked before and not named comes back to
// its old place in the user's order. The anchor stays in only if nothing else does: NEURON records
// nothing in a model without sections. Marks the tree changed only if something moved.
void park(const std::vector<Section*>& sections, Section* anchor);

bool is_listed(const Section*);  // in the user's model

// NEURON's structure set-up, without its remark on nodes that are in no thread.
void set_up_structure();

}  // namespace ann
