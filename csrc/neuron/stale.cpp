// Recorders of what stays constant: variables of parked sections and their point processes.
#include "model.h"

namespace ann {

static long recorders_of(Prop* p, const Addresses& recorded) {
    long n = 0;
    for (int i = 0; p && i < _nrn_mechanism_get_num_vars(p); ++i) {
        const auto it = recorded.find(&_nrn_mechanism_access_param(p, i));
        if (it != recorded.end()) n += it->second;
    }
    return n;
}

static long recorders_of(Node* node, const Addresses& recorded) {
    const auto it = recorded.find(&_nrn_mechanism_access_voltage(node));
    long n = it == recorded.end() ? 0 : it->second;
    for (int type = 0; type < n_memb_func; ++type)
        if (!memb_func[type].is_point && memb_func[type].sym)
            n += recorders_of(nrn_mechanism(type, node), recorded);
    return n;
}

void count_stale(const Addresses& recorded) {
    if (recorded.empty()) return;
    for (const auto& [section, cell] : model().cell_of)
        for (int i = 0; i < _nrn_mechanism_get_nnode(section); ++i)
            model().counts[cell].recordings_stale +=
                recorders_of(_nrn_mechanism_get_node(section, i), recorded);
    for (int type = 0; type < n_memb_func; ++type) {
        if (!memb_func[type].is_point || !nrn_pnt_template_[type] || type == counter_type())
            continue;
        hoc_List* all = nrn_pnt_template_[type]->olist;
        for (hoc_Item* q = all->next; q != all; q = q->next) {
            auto* p = static_cast<Point_process*>(q->element.obj->u.this_pointer);
            const auto it = p->sec ? model().cell_of.find(p->sec) : model().cell_of.end();
            if (it != model().cell_of.end())
                model().counts[it->second].recordings_stale += recorders_of(p->prop, recorded);
        }
    }
}

}  // namespace ann
