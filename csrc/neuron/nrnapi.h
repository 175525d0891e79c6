// What the coupling uses of NEURON 9: headers of the wheel, and the exported symbols that they
// omit. Nothing else in csrc/neuron/ declares a NEURON symbol. Opaque here: Section, Node, Prop.
#pragma once
#include <cstring>
#include <vector>

#include "hocdec.h"
#include "hoclist.h"
#include "membfunc.h"
#include "multicore.h"
#include "section_fwd.hpp"

struct PlayRecord;
struct TQItem;
class DiscreteEvent;
class IvocVect;
// Redeclared without their virtual functions: only these members are called, by symbol.
class NetCvode {
  public:
    TQItem* event(double t, DiscreteEvent*, NrnThread*);
};
class NetCon {
  public:
    void deliver(double t, NetCvode*, NrnThread*);
};
class PreSyn {
  public:
    void record(double t);
};
// Its virtual functions, as its vtable has them.
void presyn_send(PreSyn*, double t, NetCvode*,
                 NrnThread*) __asm__("_ZN6PreSyn4sendEdP8NetCvodeP9NrnThread");
void presyn_deliver(PreSyn*, double t, NetCvode*,
                    NrnThread*) __asm__("_ZN6PreSyn7deliverEdP8NetCvodeP9NrnThread");
using Handle = neuron::container::data_handle<double>;
using NetReceive = void (*)(Point_process*, double* weight, double flag);
using NonvintBlock = int (*)(int method, int size, double*, double*, int thread);

extern double t;  // ms
extern NetCvode* net_cvode_instance;
extern hoc_List* section_list;
extern int tree_changed, nrn_nthread, cvode_active_;
extern NrnThread* nrn_threads;
extern NetReceive* pnt_receive;
extern cTemplate** nrn_pnt_template_;
extern bool nrn_use_fast_imem;
extern int nrn_multisplit_active_;
extern bool nrn_use_compress_, nrn_use_localgid_, nrn_use_bin_queue_, use_multisend_;
extern int (*nrnpy_pr_stdoe_callback)(int, char*);

Section* chk_access();
Symbol* hoc_lookup(const char*);
Handle point_process_pointer(Point_process*, Symbol*, int index);
int ifarg(int);
Symbol* hoc_table_lookup(const char*, Symlist*);
int nrn_get_mechtype(const char*);
int nrn_is_ion(int type);
Node* node_exact(Section*, double x);
double nrn_section_orientation(Section*);  // the end, 0 or 1, that hangs on the parent
Node* _nrn_mechanism_get_node(Section*, int);
int _nrn_mechanism_get_nnode(Section*);
Section* _nrn_mechanism_get_child(Section*);
Section* _nrn_mechanism_get_sibling(Section*);
int _nrn_mechanism_get_type(Prop*);
int _nrn_mechanism_get_num_vars(Prop*);
Prop* nrn_mechanism(int type, Node*);
Handle nrn_rangepointer(Section*, Symbol*, double x);
void section_ref(Section*);
void section_unref(Section*);
void v_setup_vectors();
hoc_Item* hoc_l_newlist();
void hoc_l_delete(hoc_Item*);
int nrn_netcon_info(NetCon*, double** weight, Point_process**, double** threshold, double** delay);
int nrn_presyn_count(PreSyn*);
void* nrn_presyn_netcon(PreSyn*, int);
double nrn_netcon_get_delay(NetCon*);
void nrn_netcon_set_delay(NetCon*, double);
void nrn2ncs_outputevent(int gid, double t);
std::vector<PreSyn*>* net_cvode_instance_psl();
std::vector<PlayRecord*>* net_cvode_instance_prl();
int vector_capacity(IvocVect*);
double* vector_vec(IvocVect*);
void vector_resize(IvocVect*, int);
char* hoc_object_name(Object*);
const char* secname(Section*);
extern "C" int set_nonvint_block(NonvintBlock);
extern "C" int unset_nonvint_block(NonvintBlock);
[[noreturn]] void hoc_execerror(const char*, const char*);
