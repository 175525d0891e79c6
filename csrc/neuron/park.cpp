#include "park.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace ann {

static hoc_List* parked_list() {
    static hoc_List* list = hoc_l_newlist();
    return list;
}

static std::vector<hoc_Item*> items(hoc_List* list) {
    std::vector<hoc_Item*> out;
    for (hoc_Item* q = list->next; q != list; q = q->next) out.push_back(q);
    return out;
}

static void relink(hoc_List* list, const std::vector<hoc_Item*>& members) {
    hoc_Item* last = list;
    for (hoc_Item* q : members) {
        last->next = q;
        q->prev = last;
        last = q;
    }
    last->next = list;
    list->prev = last;
}

// The order in which the user made the sections, remembered from before the first of them was parked.
static void restore_order(std::vector<hoc_Item*>& all) {
    static std::unordered_map<hoc_Item*, size_t> made;
    std::unordered_map<hoc_Item*, size_t> next;
    auto rank = [&](hoc_Item* q) {
        auto it = made.find(q);
        return it == made.end() ? made.size() : it->second;
    };
    std::stable_sort(all.begin(), all.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
    for (size_t i = 0; i < all.size(); ++i) next[all[i]] = i;
    made.swap(next);
}

std::vector<Section*> tree(Section* root) {
    std::vector<Section*> out{root};
    for (size_t i = 0; i < out.size(); ++i)
        for (Section* s = _nrn_mechanism_get_child(out[i]); s; s = _nrn_mechanism_get_sibling(s))
            out.push_back(s);
    return out;
}

void park(const std::vector<Section*>& sections, Section* anchor) {
    std::unordered_set<Section*> wanted(sections.begin(), sections.end());
    auto all = items(section_list);
    const auto parked = items(parked_list());
    all.insert(all.end(), parked.begin(), parked.end());
    const bool others = std::any_of(all.begin(), all.end(), [&](auto* q) {
        return q->element.sec != anchor && !wanted.count(q->element.sec);
    });
    if (anchor && others) wanted.insert(anchor);
    const bool same = parked.size() == wanted.size() &&
                      std::all_of(parked.begin(), parked.end(),
                                  [&](auto* q) { return wanted.count(q->element.sec) > 0; });
    if (same) return;
    restore_order(all);
    std::vector<hoc_Item*> out, in;
    for (hoc_Item* q : all) (wanted.count(q->element.sec) ? out : in).push_back(q);
    relink(section_list, in);
    relink(parked_list(), out);
    tree_changed = 1;
}

void set_up_structure() {
    auto* print = nrnpy_pr_stdoe_callback;
    nrnpy_pr_stdoe_callback = [](int, char*) { return 0; };
    try {
        v_setup_vectors();
    } catch (...) {
        nrnpy_pr_stdoe_callback = print;
        throw;
    }
    nrnpy_pr_stdoe_callback = print;
}

}  // namespace ann
