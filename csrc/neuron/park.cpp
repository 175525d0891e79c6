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

// Parked items go back to where they stood. `list` is in the user's order still, and what the user
// has made since is at its end; an address met again out of order belongs to a new item.
static std::vector<hoc_Item*> in_order(const std::vector<hoc_Item*>& list,
                                       const std::vector<hoc_Item*>& parked) {
    static std::unordered_map<hoc_Item*, size_t> places;  // at the last call
    std::vector<std::pair<size_t, hoc_Item*>> all;
    size_t last = 0;
    for (hoc_Item* q : list) {
        const auto it = places.find(q);
        const bool old = !parked.empty() && it != places.end() && it->second >= last;
        last = old ? it->second : places.size();
        all.push_back({last, q});
    }
    for (hoc_Item* q : parked) all.push_back({places[q], q});
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    places.clear();
    std::vector<hoc_Item*> out;
    for (const auto& [place, q] : all) {
        places[q] = out.size();
        out.push_back(q);
    }
    return out;
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
    const auto parked = items(parked_list());
    const auto listed = items(section_list);
    const auto other = [&](auto* q) {
        return q->element.sec != anchor && !wanted.count(q->element.sec);
    };
    const bool others = std::any_of(listed.begin(), listed.end(), other) ||
                        std::any_of(parked.begin(), parked.end(), other);
    if (anchor && others) wanted.insert(anchor);
    const bool same = parked.size() == wanted.size() &&
                      std::all_of(parked.begin(), parked.end(),
                                  [&](auto* q) { return wanted.count(q->element.sec) > 0; });
    if (same) return;
    std::vector<hoc_Item*> out, in;
    for (hoc_Item* q : in_order(listed, parked))
        (wanted.count(q->element.sec) ? out : in).push_back(q);
    relink(section_list, in);
    relink(parked_list(), out);
    tree_changed = 1;
}

bool is_listed(const Section* section) {
    const auto listed = items(section_list);
    return std::any_of(listed.begin(), listed.end(),
                       [&](auto* q) { return q->element.sec == section; });
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
